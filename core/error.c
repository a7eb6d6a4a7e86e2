/* SPDX-License-Identifier: Apache-2.0
 *
 * error: texts of errors, and, in builds with slow checks, the places that one went through.
 */
#include "core/error.h"

#include <stdio.h>
#include <string.h>

enum { CHAIN_TEXT_BYTES = 512 };

static _Thread_local char chain_text[CHAIN_TEXT_BYTES];

#if defined(MERIDIAN_SLOW_CHECKS)
int err_note(int r, const char *file, int line, int is_new)
{
	if (r >= 0) /* an outcome is no error: it has no chain */
		return r;

	size_t len = is_new ? 0 : strlen(chain_text);
	/* A chain that is too long is cut; its beginning says more than its end. */
	snprintf(chain_text + len, sizeof(chain_text) - len, "%s%s:%d", len ? " -> " : "", file,
		 line);
	return r;
}
#endif

const char *err_chain(void)
{
	return chain_text;
}

const char *err_text(int r)
{
	const char *text = strerrordesc_np(-r);

	return text ? text : "unknown error";
}
