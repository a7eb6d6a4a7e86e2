/* SPDX-License-Identifier: Apache-2.0
 *
 * var: variables such as $client_address or ${host}, compiled once and expanded per request. One
 * syntax for headers, keys, logs, limits and rewrites. `$$` is a dollar sign.
 *
 * A user of it (edge/http, say) has a table of names and getters over its own subject; a template
 * knows the getters by index, so that expanding looks up nothing and allocates nothing but the
 * output.
 */
#pragma once

#include "core/arena.h"
#include "core/buf.h"

struct var_def {
	const char *name; /* "client_address"; ends with _* for a family: "header_*" */
	/* The value for this subject, borrowed as long as the subject's arena; empty when there is
	 * none. `rest` is what stood for the * (lower case), empty otherwise. */
	struct span (*get)(void *subject, struct span rest, struct arena *arena);
	const char *help;
};

struct var_template; /* immutable; any thread */

/* `defs` ends with .name NULL and is borrowed for ever. `text` is copied. `reterr` (160 bytes) says
 * which variable is unknown, and the nearest. Errors: -EINVAL, -ENOMEM. */
int var_compile(const struct var_def *defs, struct span text, struct var_template **ret_template,
		char *reterr);
void var_free(struct var_template *template); /* NULL is fine */
/* True when the template is one constant; *ret_text is then borrowed from it. */
bool var_constant(const struct var_template *template, struct span *ret_text);

/* The expansion in the arena; .at NULL when it is full. A template of one variable or one constant
 * is not copied. */
struct span var_expand(const struct var_template *template, void *subject, struct arena *arena);
/* The same, appended. `arena` is for what getters make. */
void var_expand_into(const struct var_template *template, void *subject, struct arena *arena,
		     struct buf *out);
