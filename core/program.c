/* SPDX-License-Identifier: Apache-2.0
 *
 * program: see the header. What a file gets wrong is printed whole, then nothing is started.
 */
#include "core/program.h"

#include <getopt.h>
#include <stdio.h>

#include "core/metrics.h"

enum { MAX_TEXT_BYTES = 4 << 20, MAX_FD = 1 << 20 };

struct options {
	const char *path;
	bool check, print_help;
	int ready_fd;
};

static void print_usage(const struct program *program, FILE *to)
{
	fprintf(to,
		"usage: %1$s [--ready-fd N] FILE   serve as FILE says\n"
		"       %1$s --check FILE          say all that is wrong with FILE\n"
		"       %1$s --print-config-help   print every key of the file, in Markdown\n"
		"       %1$s --version\n",
		program->name);
}

static bool usage_error(const struct program *program, int *ret_exit)
{
	print_usage(program, stderr);
	*ret_exit = PROCESS_EXIT_USAGE;
	return false;
}

static bool said_all(int *ret_exit)
{
	*ret_exit = PROCESS_EXIT_OK;
	return false;
}

/* False: *ret_exit is the exit status. */
static bool read_option(const struct program *program, int c, struct options *options,
			int *ret_exit)
{
	uint64_t fd = 0;

	switch (c) {
	case 'c':
		options->check = true;
		return true;
	case 'p':
		options->print_help = true;
		return true;
	case 'r':
		if (!span_to_u64(span_str(optarg), MAX_FD, &fd))
			return usage_error(program, ret_exit);
		options->ready_fd = (int)fd;
		return true;
	case 'v':
		printf("%s %s\n", program->name, MERIDIAN_VERSION);
		return said_all(ret_exit);
	case 'h':
		print_usage(program, stdout);
		return said_all(ret_exit);
	default:
		return usage_error(program, ret_exit);
	}
}

static bool read_options(const struct program *program, int argc, char **argv,
			 struct options *options, int *ret_exit)
{
	static const struct option known[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "print-config-help", no_argument, NULL, 'p' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (!read_option(program, c, options, ret_exit))
			return false;
	}
	options->path = optind + 1 == argc ? argv[optind] : NULL;
	if (!options->path && !options->print_help)
		return usage_error(program, ret_exit);
	return true;
}

static int print_reference(const struct program *program)
{
	struct buf text;

	buf_init(&text, MAX_TEXT_BYTES);
	conf_print_reference(program->section, &text);
	fputs(buf_text(&text), stdout);
	buf_fini(&text);
	return PROCESS_EXIT_OK;
}

/* NULL: *ret_exit is the exit status. */
static void *read_plan(const struct program *program, const char *path, int *ret_exit)
{
	void *plan = NULL;
	struct buf errors;

	buf_init(&errors, MAX_TEXT_BYTES);
	int r = program->read(path, &errors, &plan);
	if (r == PROGRAM_WRONG) {
		fputs(buf_text(&errors), stderr);
		*ret_exit = PROCESS_EXIT_CONFIG;
	} else if (r < 0) {
		LOG_ERROR("config.read", kv_str("file", path), kv_err(r));
		*ret_exit = PROCESS_EXIT_FAILED;
	}
	buf_fini(&errors);
	return plan;
}

static int serve(const struct program *program, const struct options *options, void *plan)
{
	const struct log_section *log = program->log(plan);
	struct program_start start = { .path = options->path,
				       .plan = plan,
				       .ready_fd = options->ready_fd };
	int status = PROCESS_EXIT_FAILED;

	int r = log_section_open(log, program->name);
	if (r < 0)
		LOG_ERROR("log.open", kv_str("file", log->file), kv_err(r));
	if (r == 0)
		r = loop_new("control", &start.loop);
	if (r == 0)
		status = (int)program->serve(&start);
	loop_free(start.loop);
	return status;
}

int program_main(const struct program *program, int argc, char **argv)
{
	struct options options = { .ready_fd = -1 };
	int status = PROCESS_EXIT_OK;

	if (!read_options(program, argc, argv, &options, &status))
		return status;
	if (options.print_help)
		return print_reference(program);
	void *plan = read_plan(program, options.path, &status);
	if (!plan)
		return status;
	if (!options.check)
		status = serve(program, &options, plan);
	program->unref(plan);
	metrics_reset();
	log_close();
	return status;
}
