/* SPDX-License-Identifier: Apache-2.0
 *
 * must: the last words of a process whose own invariant did not hold. Nothing here allocates or
 * takes a lock of ours, because the heap may be what broke.
 */
#include "core/must.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_FRAMES = 64, LAST_WORDS_BYTES = 512 };

void must_failed(const char *cond, const char *file, int line, const char *func)
{
	char words[LAST_WORDS_BYTES];
	void *frames[MAX_FRAMES];
	int len = snprintf(words, sizeof(words), "MUST failed: %s at %s:%d in %s\n", cond, file,
			   line, func);
	size_t n_bytes = len < 0 ? 0 : (size_t)len;

	if (n_bytes >= sizeof(words))
		n_bytes = sizeof(words) - 1;
	if (write(STDERR_FILENO, words, n_bytes) == (ssize_t)n_bytes)
		backtrace_symbols_fd(frames, backtrace(frames, MAX_FRAMES), STDERR_FILENO);
	abort();
}
