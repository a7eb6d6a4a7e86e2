/* SPDX-License-Identifier: Apache-2.0
 *
 * ask: one request to a member's admin port, and its answer. Blocks for at most ASK_TIMEOUT_MS.
 */
#pragma once

#include "core/json.h"

enum {
	ASK_TIMEOUT_MS = 10000,
	ASK_MAX_BYTES = 32 * 1024 * 1024,
	ASK_ERROR_MAX = 512,
};

struct ask {
	const char *admin; /* "127.0.0.1:9101", "unix:/run/meridian/admin.sock" */
	const char *path;  /* with its query */
	bool post;
};

/* The answer's JSON, owned by the caller; NULL when a 200 has no body. Errors: -EIO and others;
 * `reterr` (ASK_ERROR_MAX) says who did not do what, with the answer's own "error" when it has one.
 */
typedef int (*ask_fn)(const struct ask *ask, json_t **ret_json, char *reterr);
int ask_admin(const struct ask *ask, json_t **ret_json, char *reterr);

/* Appends text as it may stand in a query: all but letters, digits and "-._~" as %XX. */
void ask_add_escaped(struct buf *out, const char *text);
