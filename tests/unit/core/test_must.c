/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/must.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs fn in a process of its own; what it said on stderr is in `said`. Returns the wait status. */
static int run_apart(void (*fn)(void), char *said, size_t max)
{
	int ends[2], status = 0;
	size_t len = 0;
	ssize_t n;

	assert_return_code(pipe(ends), 0);
	pid_t pid = fork();
	assert_return_code(pid, 0);
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		fn();
		_exit(0);
	}
	close(ends[1]);
	while (len < max - 1 && (n = read(ends[0], said + len, max - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = 0;
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void fail_must(void)
{
	/* cmocka and the sanitizers have handlers of their own. */
	signal(SIGABRT, SIG_DFL);
	MUST(1 + 1 == 3);
}

static void hold_must(void)
{
	MUST(1 + 1 == 2);
	MUST_SLOW(1 + 1 == 2);
}

static void reach(void)
{
	signal(SIGABRT, SIG_DFL);
	UNREACHABLE();
}

static void failed_must_says_what_and_where_and_aborts(void **state)
{
	char said[16384];

	(void)state;
	int status = run_apart(fail_must, said, sizeof(said));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(said, "MUST failed: 1 + 1 == 3 at "));
	assert_non_null(strstr(said, "test_must.c:"));
	assert_non_null(strstr(said, "in fail_must\n"));
}

static void unreachable_aborts(void **state)
{
	char said[16384];

	(void)state;
	int status = run_apart(reach, said, sizeof(said));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(said, "unreachable"));
}

static void must_that_holds_says_nothing(void **state)
{
	char said[64];

	(void)state;
	assert_int_equal(run_apart(hold_must, said, sizeof(said)), 0);
	assert_string_equal(said, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_must_says_what_and_where_and_aborts),
		cmocka_unit_test(unreachable_aborts),
		cmocka_unit_test(must_that_holds_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
