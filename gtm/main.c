/* SPDX-License-Identifier: Apache-2.0
 *
 * main: the command line of meridian-gtm.
 */
#include <getopt.h>
#include <stdio.h>

#include "core/metrics.h"
#include "gtm/control.h"

enum { MAX_TEXT_BYTES = 4 << 20, MAX_FD = 1 << 20 };

struct options {
	const char *path;
	bool check, print_help;
	int ready_fd; /* -1: none */
};

static const char usage_text[] =
	"usage: meridian-gtm [--ready-fd N] FILE   serve as FILE says\n"
	"       meridian-gtm --check FILE          say all that is wrong with FILE\n"
	"       meridian-gtm --print-config-help   print every key of the file, in Markdown\n"
	"       meridian-gtm --version\n";

static int print_reference(void)
{
	struct buf text;

	buf_init(&text, MAX_TEXT_BYTES);
	conf_print_reference(&gtm_section, &text);
	fputs(buf_text(&text), stdout);
	buf_fini(&text);
	return PROCESS_EXIT_OK;
}

/* False: *ret_exit is the exit status. */
static bool options_read(int argc, char **argv, struct options *options, int *ret_exit)
{
	static const struct option known[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "print-config-help", no_argument, NULL, 'p' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	uint64_t fd = 0;
	int c;

	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->check = true;
			break;
		case 'p':
			options->print_help = true;
			break;
		case 'r':
			if (!span_to_u64(span_str(optarg), MAX_FD, &fd)) {
				fputs(usage_text, stderr);
				*ret_exit = PROCESS_EXIT_USAGE;
				return false;
			}
			options->ready_fd = (int)fd;
			break;
		case 'v':
			puts("meridian-gtm " MERIDIAN_VERSION);
			*ret_exit = PROCESS_EXIT_OK;
			return false;
		case 'h':
			fputs(usage_text, stdout);
			*ret_exit = PROCESS_EXIT_OK;
			return false;
		default:
			fputs(usage_text, stderr);
			*ret_exit = PROCESS_EXIT_USAGE;
			return false;
		}
	}
	options->path = optind + 1 == argc ? argv[optind] : NULL;
	if (options->path || options->print_help)
		return true;
	fputs(usage_text, stderr);
	*ret_exit = PROCESS_EXIT_USAGE;
	return false;
}

/* NULL: *ret_exit is the exit status. */
static struct gtm_plan *plan_read(const char *path, int *ret_exit)
{
	struct gtm_plan *plan = NULL;
	struct buf errors;

	buf_init(&errors, MAX_TEXT_BYTES);
	int r = gtm_plan_read(path, &errors, &plan);
	if (r == GTM_PLAN_WRONG) {
		fputs(buf_text(&errors), stderr);
		*ret_exit = PROCESS_EXIT_CONFIG;
	} else if (r < 0) {
		LOG_ERROR("config.read", kv_str("file", path), kv_err(r));
		*ret_exit = PROCESS_EXIT_FAILED;
	}
	buf_fini(&errors);
	return plan;
}

static int serve(struct loop *loop, struct gtm_plan *plan, const struct options *options)
{
	const struct control_setup setup = {
		.loop = loop,
		.path = options->path,
		.plan = plan,
		.ready_fd = options->ready_fd,
	};
	struct control *control = NULL;
	enum process_exit status = PROCESS_EXIT_FAILED;

	if (control_new(&setup, &control, &status) == 0)
		status = control_run(control);
	control_free(control);
	return (int)status;
}

static int run(const struct options *options)
{
	struct loop *loop = NULL;
	int status = PROCESS_EXIT_FAILED;
	struct gtm_plan *plan = plan_read(options->path, &status);

	if (!plan)
		return status;
	if (options->check) {
		gtm_plan_unref(plan);
		return PROCESS_EXIT_OK;
	}
	int r = log_section_open(&plan->gtm->log, "meridian-gtm");
	if (r < 0)
		LOG_ERROR("log.open", kv_str("file", plan->gtm->log.file), kv_err(r));
	if (r == 0)
		r = loop_new("control", &loop);
	if (r == 0)
		status = serve(loop, plan, options);
	gtm_plan_unref(plan);
	loop_free(loop);
	metrics_reset();
	log_close();
	return status;
}

int main(int argc, char **argv)
{
	struct options options = { .ready_fd = -1 };
	int status = PROCESS_EXIT_OK;

	if (!options_read(argc, argv, &options, &status))
		return status;
	return options.print_help ? print_reference() : run(&options);
}
