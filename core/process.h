/* SPDX-License-Identifier: Apache-2.0
 *
 * process: the life of one of our programs: signals, readiness, privileges, pid file.
 *
 *     SIGTERM, SIGINT, SIGQUIT  drain, then stop (a second one stops at once)
 *     SIGHUP                    reload the configuration
 *     SIGUSR1                   reopen logs
 *     SIGUSR2                   nothing, but a line that says how to upgrade
 *
 * Main thread throughout.
 */
#pragma once

#include "core/loop.h"

enum process_exit {
	PROCESS_EXIT_OK = 0,
	PROCESS_EXIT_FAILED = 1,
	PROCESS_EXIT_USAGE = 64,  /* EX_USAGE */
	PROCESS_EXIT_BUSY = 75,   /* EX_TEMPFAIL: a port is taken */
	PROCESS_EXIT_CONFIG = 78, /* EX_CONFIG */
};

struct process_handlers {
	void (*on_stop)(void *arg, bool at_once);
	void (*on_reload)(void *arg);
	void (*on_reopen)(void *arg);
	void *arg;
};

struct process;

/* Before any other thread starts: blocks the signals everywhere and reads them from a signalfd in
 * this loop; ignores SIGPIPE. `handlers` is copied. */
int process_new(struct loop *loop, const struct process_handlers *handlers,
		struct process **ret_process);
void process_free(struct process *process); /* NULL is fine */

/* Raises the soft limit of descriptors to the hard one; returns it. */
uint64_t process_raise_fd_limit(void);
/* How many workers to run: as configured, or one for each processor that we may use. */
size_t process_n_workers(uint32_t configured);
/* Says that we serve: sd_notify READY=1 (with MAINPID) where NOTIFY_SOCKET is set, and the line
 * "ready\n" on the descriptor that --ready-fd named (-1: none), which is then closed. */
void process_ready(int ready_fd);
void process_notify(const char *state); /* any sd_notify text: "STOPPING=1", "STATUS=…" */
/* Writes "PID\n" to the file, by rename; removes it in process_free(). NULL: nothing. */
int process_pid_file(struct process *process, const char *path);
/* Becomes user (and its groups) for good, keeping CAP_NET_BIND_SERVICE, sets no_new_privs. NULL or
 * already that user: only no_new_privs. Errors: -ENOENT (no such user), -EPERM. */
int process_drop_root(const char *user);
