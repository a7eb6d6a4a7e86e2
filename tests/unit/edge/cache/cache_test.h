/* SPDX-License-Identifier: Apache-2.0
 *
 * cache_test: heads out of lines, for tables.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/obj.h"
#include "edge/http/message.h"

/* "Name: value" each; the first NULL ends them. The lines are borrowed. */
static inline struct http_head head_of_lines(struct arena *arena, const char *const *lines,
					     size_t n)
{
	struct http_head head;

	assert_int_equal(http_head_init(&head, arena), 0);
	for (size_t i = 0; i < n && lines[i]; i++) {
		struct span line = span_str(lines[i]);
		size_t colon = span_find(line, ':');
		struct span name = span_first(line, colon);
		struct http_field field = { name, span_trim(span_from(line, colon + 1)),
					    (uint16_t)http_name_lookup(name) };
		assert_int_equal(http_head_add_found(&head, field), 0);
	}
	return head;
}
