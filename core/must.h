/* SPDX-License-Identifier: Apache-2.0
 *
 * must: what our own code guarantees, checked in every build.
 *
 * MUST states an invariant of ours. It is never used on input, memory, the network or the
 * configuration: those fail in ordinary ways and are handled in ordinary ways. A failed MUST
 * prints the condition, its place and a backtrace, and aborts; the supervisor restarts us.
 */
#pragma once

#include <stdbool.h>

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (__builtin_expect(!(cond), 0))                                                  \
			must_failed(#cond, __FILE__, __LINE__, __func__);                          \
	} while (0)

/* For checks that walk a list or sum a table: compiled in by dev, asan and fuzz only. */
#if defined(MERIDIAN_SLOW_CHECKS)
#define MUST_SLOW(cond) MUST(cond)
#else
#define MUST_SLOW(cond) ((void)sizeof(!(cond)))
#endif

#define UNREACHABLE() must_failed("unreachable", __FILE__, __LINE__, __func__)

__attribute__((cold)) _Noreturn void must_failed(const char *cond, const char *file, int line,
						 const char *func);
