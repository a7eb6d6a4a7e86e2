/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_var: a template that compiles expands alike both ways, and never to more than its parts.
 */
#include "core/var.h"

#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span get_rest(void *subject, struct span rest, struct arena *arena)
{
	(void)subject;
	(void)arena;
	return rest;
}

static const struct var_def defs[] = {
	{ "host", get_rest, "" },
	{ "header_*", get_rest, "" },
	{ "header_x_*", get_rest, "" },
	{ NULL, NULL, NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct var_template *template;
	struct arena arena;
	struct buf out;
	char error[160];

	if (var_compile(defs, text, &template, error) < 0) {
		MUST(strlen(error) > 0);
		return 0;
	}
	arena_init(&arena, 16 << 20);
	buf_init(&out, size + 1);
	struct span expansion = var_expand(template, NULL, &arena);
	MUST(expansion.at && expansion.len <= size);
	var_expand_into(template, NULL, &arena, &out);
	MUST(!out.failed && span_eq(expansion, buf_span(&out)));
	struct span constant;
	if (var_constant(template, &constant))
		MUST(span_eq(constant, expansion));
	var_free(template);
	buf_fini(&out);
	arena_fini(&arena);
	return 0;
}
