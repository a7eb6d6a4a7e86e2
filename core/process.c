/* SPDX-License-Identifier: Apache-2.0
 *
 * process: signals arrive through a signalfd like any other input, so no handler ever interrupts
 * anything. systemd is spoken to by its two-line datagram protocol; libsystemd and libcap would
 * each be linked for one call.
 */
#include "core/process.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

enum { PID_TEXT_BYTES = 32, PASSWD_BYTES = 16 * 1024 };

#define PROCESS_KIND OBJ_KIND('p', 'r', 'o', 'c')

struct process {
	uint32_t kind;
	struct process_handlers handlers;
	struct loop_io io;
	int fd; /* signalfd */
	bool is_asked_to_stop;
	char *pid_file; /* owned; NULL: none written */
};

/* ---- signals ---- */

static void process_on_signal(struct process *process, uint32_t signal)
{
	void *arg = process->handlers.arg;
	bool at_once = process->is_asked_to_stop;

	LOG_INFO("process.signal", kv_str("signal", sigabbrev_np((int)signal)));
	switch (signal) {
	case SIGTERM:
	case SIGINT:
	case SIGQUIT:
		process->is_asked_to_stop = true;
		process->handlers.on_stop(arg, at_once);
		return;
	case SIGHUP:
		process->handlers.on_reload(arg);
		return;
	case SIGUSR1:
		process->handlers.on_reopen(arg);
		return;
	case SIGUSR2:
		LOG_INFO("process.no-upgrade",
			 kv_str("advice",
				"start the new program with the same configuration: it takes "
				"over at process.takeover"));
		return;
	default:
		UNREACHABLE();
	}
}

/* One signal a turn: a handler may free the process. The fd stays readable while more wait. */
static void on_signal(void *arg)
{
	struct process *process = OBJ_CAST(struct process, arg, PROCESS_KIND);
	struct signalfd_siginfo info;

	if (read(process->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		process_on_signal(process, info.ssi_signo);
}

static void process_drop(struct process **process)
{
	process_free(*process);
}

int process_new(struct loop *loop, const struct process_handlers *handlers,
		struct process **ret_process)
{
	CLEANUP(process_drop) struct process *process = OBJ_NEW(struct process, PROCESS_KIND);
	sigset_t signals;

	if (!process)
		return err_new(-ENOMEM);
	MUST(handlers->on_stop && handlers->on_reload && handlers->on_reopen);
	process->handlers = *handlers;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGQUIT);
	sigaddset(&signals, SIGUSR2);
	process->fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (process->fd < 0)
		return err_new(-errno);
	loop_io_init(&process->io, loop, process->fd, on_signal, NULL, process);
	int r = loop_io_want(&process->io, true, false);
	if (r < 0)
		return err_pass(r);
	/* Threads that start later inherit the mask. It stays when we end, so that a last signal
	 * does not change the exit status. */
	MUST(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
	MUST(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	*ret_process = TAKE(process);
	return 0;
}

/* Removes the file if it is still ours: a successor may have written its own. */
static void pid_file_remove(const char *path)
{
	char mine[PID_TEXT_BYTES], found[PID_TEXT_BYTES];
	CLEANUP(fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int len = snprintf(mine, sizeof(mine), "%d\n", (int)getpid());
	ssize_t n = fd < 0 ? -1 : read(fd, found, sizeof(found));

	if (n == len && memcmp(mine, found, (size_t)len) == 0)
		(void)unlink(path); /* refused after root is dropped: then it stays */
}

void process_free(struct process *process)
{
	if (!process)
		return;
	loop_io_stop(&process->io);
	fd_drop(&process->fd);
	if (process->pid_file)
		pid_file_remove(process->pid_file);
	free(process->pid_file);
	OBJ_FREE(process);
}

/* ---- what the supervisor sees ---- */

uint64_t process_raise_fd_limit(void)
{
	struct rlimit limit;

	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return before;
	return limit.rlim_cur;
}

/* NOTIFY_SOCKET is a path, or an abstract name with '@' for its NUL. False: neither. */
static bool notify_addr(const char *name, struct sockaddr_un *ret_addr, socklen_t *ret_len)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(addr.sun_path))
		return false;
	memcpy(addr.sun_path, name, len);
	if (name[0] == '@')
		addr.sun_path[0] = 0;
	*ret_addr = addr;
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

void process_notify(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr;
	socklen_t len;

	if (!name || !*name)
		return;
	if (!notify_addr(name, &addr, &len)) {
		LOG_WARN("process.notify_failed", kv_str("socket", name), kv_err(-EINVAL));
		return;
	}
	CLEANUP(fd_drop) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
			     (const struct sockaddr *)&addr, len) < 0)
		LOG_WARN("process.notify_failed", kv_str("socket", name), kv_err(-errno));
}

void process_ready(int ready_fd)
{
	static const char line[] = "ready\n";
	char state[64];

	snprintf(state, sizeof(state), "READY=1\nMAINPID=%d", (int)getpid());
	process_notify(state);
	if (ready_fd < 0)
		return;
	if (write(ready_fd, line, sizeof(line) - 1) < 0)
		LOG_WARN("process.ready_fd_failed", kv_err(-errno));
	close(ready_fd);
}

static int pid_file_write(const char *path)
{
	char text[PID_TEXT_BYTES];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	CLEANUP(fd_drop)
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return err_new(-errno);
	ssize_t n = write(fd, text, (size_t)len);
	if (n != len)
		return err_new(n < 0 ? -errno : -ENOSPC);
	return 0;
}

int process_pid_file(struct process *process, const char *path)
{
	char new_path[PATH_MAX];

	if (!path)
		return 0;
	int len = snprintf(new_path, sizeof(new_path), "%s.new", path);
	if (len < 0 || (size_t)len >= sizeof(new_path))
		return err_new(-ENAMETOOLONG);
	CLEANUP(free_drop) char *copy = strdup(path);
	if (!copy)
		return err_new(-ENOMEM);
	int r = pid_file_write(new_path);
	if (r == 0 && rename(new_path, path) < 0)
		r = err_new(-errno);
	if (r < 0) {
		(void)unlink(new_path);
		return err_pass(r);
	}
	free(process->pid_file);
	process->pid_file = TAKE(copy);
	return 0;
}

/* ---- privileges ---- */

/* Of all capabilities of this thread, the one that binds port 53 and 443 stays, if it was there. */
static int keep_bind_alone(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, caps) < 0)
		return err_new(-errno);
	uint32_t kept = caps[0].permitted & (uint32_t)CAP_TO_MASK(CAP_NET_BIND_SERVICE);
	memset(caps, 0, sizeof(caps));
	caps[0].permitted = caps[0].effective = kept;
	if (syscall(SYS_capset, &head, caps) < 0)
		return err_new(-errno);
	return 0;
}

static int become(const struct passwd *user)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || initgroups(user->pw_name, user->pw_gid) < 0 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0 ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return err_new(-errno);
	int r = keep_bind_alone();
	if (r < 0)
		return err_pass(r);
	MUST(geteuid() == user->pw_uid && (user->pw_uid == 0 || setuid(0) < 0));
	return 0;
}

int process_drop_root(const char *name)
{
	char text[PASSWD_BYTES];
	struct passwd user, *found = NULL;

	if (name) {
		int r = getpwnam_r(name, &user, text, sizeof(text), &found);
		if (!found)
			return err_new(r > 0 ? -r : -ENOENT);
		if (user.pw_uid != geteuid()) {
			r = become(&user);
			if (r < 0)
				return err_pass(r);
		}
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_new(-errno);
	return 0;
}

size_t process_n_workers(uint32_t configured)
{
	cpu_set_t cpus;

	if (configured)
		return configured;
	return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (size_t)MAX(CPU_COUNT(&cpus), 1)
							      : 1;
}
