/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/obj.h"

struct fixture {
	struct loop *loop;
	struct process *process;
	unsigned n_stop, n_at_once, n_reload, n_reopen;
	char folder[64], path[96];
};

static void on_stop(void *arg, bool at_once)
{
	struct fixture *fix = arg;

	fix->n_stop++;
	fix->n_at_once += at_once;
}

static void on_reload(void *arg)
{
	((struct fixture *)arg)->n_reload++;
}

static void on_reopen(void *arg)
{
	((struct fixture *)arg)->n_reopen++;
}

static int start_process(void **state)
{
	struct fixture *fix = calloc(1, sizeof(*fix));

	*state = fix;
	if (!fix || loop_new("main", &fix->loop) < 0)
		return -1;
	snprintf(fix->folder, sizeof(fix->folder), "%s/meridian-process-XXXXXX", P_tmpdir);
	if (!mkdtemp(fix->folder))
		return -1;
	snprintf(fix->path, sizeof(fix->path), "%s/file", fix->folder);
	struct process_handlers handlers = { on_stop, on_reload, on_reopen, fix };
	return process_new(fix->loop, &handlers, &fix->process);
}

static int end_process(void **state)
{
	struct fixture *fix = *state;

	process_free(fix->process);
	loop_free(fix->loop);
	unlink(fix->path);
	int r = rmdir(fix->folder);
	free(fix);
	return r;
}

static void first_stop_drains_and_second_ends_at_once(void **state)
{
	struct fixture *fix = *state;

	kill(getpid(), SIGTERM);
	loop_turn(fix->loop, 1000);
	assert_true(fix->n_stop == 1 && fix->n_at_once == 0);
	kill(getpid(), SIGINT);
	loop_turn(fix->loop, 1000);
	assert_true(fix->n_stop == 2 && fix->n_at_once == 1);
}

static void hangup_reloads_and_usr1_reopens(void **state)
{
	struct fixture *fix = *state;

	kill(getpid(), SIGHUP);
	kill(getpid(), SIGUSR1);
	loop_turn(fix->loop, 1000);
	loop_turn(fix->loop, 1000);
	assert_true(fix->n_reload == 1 && fix->n_reopen == 1 && fix->n_stop == 0);
}

/* Fingers that know nginx: QUIT is its graceful end, USR2 its upgrade, which is another thing here.
 */
static void quit_drains_and_usr2_ends_nothing(void **state)
{
	struct fixture *fix = *state;

	kill(getpid(), SIGUSR2);
	loop_turn(fix->loop, 1000);
	assert_true(fix->n_stop == 0 && fix->n_reload == 0 && fix->n_reopen == 0);
	kill(getpid(), SIGQUIT);
	loop_turn(fix->loop, 1000);
	assert_true(fix->n_stop == 1 && fix->n_at_once == 0);
}

static void broken_pipe_is_an_error_and_no_death(void **state)
{
	int ends[2];

	(void)state;
	assert_return_code(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(write(ends[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(ends[1]);
}

static void limit_of_descriptors_is_raised_to_the_hard_one(void **state)
{
	struct rlimit limit;

	(void)state;
	assert_return_code(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(process_raise_fd_limit(), limit.rlim_max);
	assert_return_code(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(limit.rlim_cur, limit.rlim_max);
}

static int notify_socket(const struct sockaddr_un *addr, size_t name_len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_return_code(fd, 0);
	assert_return_code(bind(fd, (const struct sockaddr *)addr,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len)),
			   0);
	return fd;
}

static void expect_datagram(int fd, const char *expected)
{
	char text[256];
	ssize_t len = recv(fd, text, sizeof(text) - 1, 0);

	assert_return_code(len, 0);
	text[len] = 0;
	assert_string_equal(text, expected);
}

static void ready_is_said_to_systemd_and_on_the_descriptor(void **state)
{
	struct fixture *fix = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char expected[64], line[16];
	int ends[2];

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", fix->path);
	CLEANUP(fd_drop) int fd = notify_socket(&addr, strlen(fix->path));
	assert_return_code(setenv("NOTIFY_SOCKET", fix->path, 1), 0);
	assert_return_code(pipe(ends), 0);
	process_ready(ends[1]);
	unsetenv("NOTIFY_SOCKET");
	snprintf(expected, sizeof(expected), "READY=1\nMAINPID=%d", (int)getpid());
	expect_datagram(fd, expected);
	assert_int_equal(read(ends[0], line, sizeof(line)), 6);
	assert_memory_equal(line, "ready\n", 6);
	assert_int_equal(read(ends[0], line, sizeof(line)), 0); /* it is closed */
	close(ends[0]);
}

static void abstract_notify_socket_is_found(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char name[64];

	(void)state;
	int len = snprintf(name, sizeof(name), "@meridian-test-%d", (int)getpid());
	memcpy(addr.sun_path, name, (size_t)len);
	addr.sun_path[0] = 0;
	CLEANUP(fd_drop) int fd = notify_socket(&addr, (size_t)len);
	assert_return_code(setenv("NOTIFY_SOCKET", name, 1), 0);
	process_notify("STOPPING=1");
	unsetenv("NOTIFY_SOCKET");
	expect_datagram(fd, "STOPPING=1");
}

static void nobody_to_notify_is_no_trouble(void **state)
{
	struct fixture *fix = *state;

	unsetenv("NOTIFY_SOCKET");
	process_ready(-1);
	assert_return_code(setenv("NOTIFY_SOCKET", "nonsense", 1), 0);
	process_notify("STOPPING=1");
	assert_return_code(setenv("NOTIFY_SOCKET", fix->path, 1), 0);
	process_notify("STOPPING=1");
	unsetenv("NOTIFY_SOCKET");
}

static bool file_says(const char *path, const char *expected)
{
	char text[64];
	CLEANUP(fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));

	return len == (ssize_t)strlen(expected) && memcmp(text, expected, (size_t)len) == 0;
}

static void pid_file_is_written_and_removed(void **state)
{
	struct fixture *fix = *state;
	char expected[32];

	snprintf(expected, sizeof(expected), "%d\n", (int)getpid());
	assert_int_equal(process_pid_file(fix->process, NULL), 0);
	assert_int_equal(process_pid_file(fix->process, fix->path), 0);
	assert_true(file_says(fix->path, expected));
	process_free(fix->process);
	fix->process = NULL;
	assert_int_equal(access(fix->path, F_OK), -1);
}

static void pid_file_of_a_successor_stays(void **state)
{
	struct fixture *fix = *state;

	assert_int_equal(process_pid_file(fix->process, fix->path), 0);
	FILE *file = fopen(fix->path, "w");
	assert_non_null(file);
	fputs("1\n", file);
	fclose(file);
	process_free(fix->process);
	fix->process = NULL;
	assert_true(file_says(fix->path, "1\n"));
}

static void pid_file_in_no_folder_is_an_error(void **state)
{
	struct fixture *fix = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/no/pid", fix->folder);
	assert_int_equal(process_pid_file(fix->process, path), -ENOENT);
}

/* Runs fn in a process of its own, where it may give up what it likes. */
static int run_apart(int (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_return_code(pid, 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int drop_to_nobody(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				    .sin_port = htons(1) };
	CLEANUP(fd_drop) int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool could_bind = bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0;

	fd_drop(&fd);
	if (process_drop_root("nobody") != 0)
		return 1;
	if (geteuid() == 0 || getuid() == 0 || getegid() == 0 || setuid(0) == 0)
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (could_bind && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return 4;
	return process_drop_root("nobody") == 0 ? 0 : 5; /* already that user */
}

static int drop_to_root_from_nobody(void)
{
	if (process_drop_root("nobody") != 0)
		return 1;
	return process_drop_root("root") == -EPERM ? 0 : 2;
}

static int drop_to_nobody_known(void)
{
	return process_drop_root("no-such-user-here") == -ENOENT ? 0 : 1;
}

static int drop_to_nothing(void)
{
	if (process_drop_root(NULL) != 0)
		return 1;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2;
}

static void root_is_dropped_for_good_but_low_ports_stay(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(run_apart(drop_to_nobody), 0);
	assert_int_equal(run_apart(drop_to_root_from_nobody), 0);
}

static void unknown_user_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(run_apart(drop_to_nobody_known), 0);
}

static void without_a_user_only_new_privileges_are_given_up(void **state)
{
	(void)state;
	assert_int_equal(run_apart(drop_to_nothing), 0);
}

#define PROCESS_TEST(test) cmocka_unit_test_setup_teardown(test, start_process, end_process)

static void workers_are_as_configured_or_one_a_processor(void **state)
{
	(void)state;
	assert_int_equal(process_n_workers(7), 7);
	assert_true(process_n_workers(0) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(first_stop_drains_and_second_ends_at_once),
		PROCESS_TEST(hangup_reloads_and_usr1_reopens),
		PROCESS_TEST(quit_drains_and_usr2_ends_nothing),
		PROCESS_TEST(broken_pipe_is_an_error_and_no_death),
		cmocka_unit_test(workers_are_as_configured_or_one_a_processor),
		cmocka_unit_test(limit_of_descriptors_is_raised_to_the_hard_one),
		PROCESS_TEST(ready_is_said_to_systemd_and_on_the_descriptor),
		PROCESS_TEST(abstract_notify_socket_is_found),
		PROCESS_TEST(nobody_to_notify_is_no_trouble),
		PROCESS_TEST(pid_file_is_written_and_removed),
		PROCESS_TEST(pid_file_of_a_successor_stays),
		PROCESS_TEST(pid_file_in_no_folder_is_an_error),
		cmocka_unit_test(root_is_dropped_for_good_but_low_ports_stay),
		cmocka_unit_test(unknown_user_is_an_error),
		cmocka_unit_test(without_a_user_only_new_privileges_are_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
