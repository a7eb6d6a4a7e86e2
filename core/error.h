/* SPDX-License-Identifier: Apache-2.0
 *
 * error: one way to fail. `int` results; 0 is done; negative is -errno: something of ours broke,
 * forward it with err_pass(); positive is an outcome of the module's own enum, handled where it is
 * received and never forwarded. In builds with slow checks, err_new and err_pass leave a chain of
 * places that err_chain() prints; elsewhere they are the bare value.
 */
#pragma once

#include <errno.h>

#if defined(MERIDIAN_SLOW_CHECKS)
int err_note(int r, const char *file, int line, int is_new); /* returns r */
#define err_new(r)  err_note((r), __FILE__, __LINE__, 1)
#define err_pass(r) err_note((r), __FILE__, __LINE__, 0)
#else
#define err_new(r)  (r)
#define err_pass(r) (r)
#endif

/* "file:line -> file:line", newest last; "" when nothing was noted. Valid until this thread's
 * next err_new. */
const char *err_chain(void);

/* The text of -errno, for logs: err_text(-ENOMEM). Never NULL; any thread. */
const char *err_text(int r);
