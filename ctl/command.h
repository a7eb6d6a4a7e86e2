/* SPDX-License-Identifier: Apache-2.0
 *
 * command: what every command of meridianctl shares: its table, its options, and where it writes.
 */
#pragma once

#include "core/buf.h"
#include "ctl/ask.h"

enum { COMMAND_MAX_OUTPUT_BYTES = 64 * 1024 * 1024 };

enum command_exit {
	COMMAND_OK = 0,
	COMMAND_FAILED = 1,
	COMMAND_USAGE = 64, /* EX_USAGE */
};

struct ctl {
	struct buf out; /* standard output, when the command has ended */
	struct buf err; /* standard error */
	ask_fn ask;
};

struct command {
	const char *name;
	const char *usage; /* what follows the name */
	const char *help;  /* one line */
	/* argv[0] is the command's own name. Returns enum command_exit. */
	int (*run)(struct ctl *ctl, int argc, char **argv);
};
/* Ends with .name NULL. */
extern const struct command commands[];

int cmd_cluster(struct ctl *ctl, int argc, char **argv);
int cmd_status(struct ctl *ctl, int argc, char **argv);
int cmd_explain(struct ctl *ctl, int argc, char **argv);
int cmd_drain(struct ctl *ctl, int argc, char **argv);
int cmd_purge(struct ctl *ctl, int argc, char **argv);

/* Runs the command that argv[1] names. */
int command_run(struct ctl *ctl, int argc, char **argv);
/* "meridianctl: …" on standard error. Returns `status`. */
__attribute__((format(printf, 3, 4))) int command_fail(struct ctl *ctl, int status, const char *fmt,
						       ...);
/* All commands, one a line. */
void command_help(struct buf *out);

struct command_option {
	const char *name;   /* without "--" */
	const char **value; /* what was given; NULL: a flag */
	bool *flag;
};
/* Reads "--name value" and "--name" anywhere, leaves the rest in argv[1..*argc), in order.
 * `options` ends with .name NULL. COMMAND_OK, or COMMAND_USAGE with the reason said. */
int command_options(struct ctl *ctl, const struct command_option *options, int *argc, char **argv);
/* `--admin`, else $MERIDIAN_ADMIN, else the usual one. */
const char *command_admin(const char *given);
