/* SPDX-License-Identifier: Apache-2.0
 *
 * program: the command line that all our daemons share.
 *
 *     PROGRAM [--ready-fd N] FILE    serve as FILE says
 *     PROGRAM --check FILE           say all that is wrong with FILE; 78 when something is
 *     PROGRAM --print-config-help    print every key of the file, in Markdown
 *     PROGRAM --version
 */
#pragma once

#include "core/common_conf.h"
#include "core/process.h"

struct program_start {
	struct loop *loop;
	const char *path; /* of the configuration; for reloads */
	void *plan;       /* what read() made; the program keeps a reference of its own */
	int ready_fd;     /* -1: none */
};

enum program_read_outcome {
	PROGRAM_READ = 0,
	PROGRAM_WRONG = 1, /* the file is: `errors` says it, a line each */
};

struct program {
	const char *name;
	const struct conf_section *section;
	/* Reads the file and all that it names. Negative: -errno. */
	int (*read)(const char *path, struct buf *errors, void **ret_plan);
	const struct log_section *(*log)(const void *plan);
	void (*unref)(void *plan);
	/* Serves until the end of the process; its exit status. */
	enum process_exit (*serve)(const struct program_start *start);
};

/* All of main(). */
int program_main(const struct program *program, int argc, char **argv);
