/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/http2/h2_priority.
 */
#include "../edge_test.h"

#include "edge/http2/h2_priority.h"

static void field_is_read_and_nonsense_passed_over(void **state)
{
	static const struct {
		const char *value;
		uint8_t urgency;
		bool incremental;
	} rows[] = {
		{ "", 3, false },
		{ "u=0", 0, false },
		{ "u=7, i", 7, true },
		{ "i,u=1", 1, true },
		{ "u=5;x=1, i=?1", 5, true },
		{ "i=?0", 3, false },
		/* RFC 9218 4: what cannot be read stays at its default. */
		{ "u=8", 3, false },
		{ "u=-1", 3, false },
		{ "u=10", 3, false },
		{ "u=\"1\"", 3, false },
		{ "i=1", 3, false },
		{ "a=1, u=2, b", 2, false },
		{ ",,,", 3, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct h2_priority priority = H2_PRIORITY_DEFAULT;
		h2_priority_read(span_str(rows[i].value), &priority);
		if (priority.urgency != rows[i].urgency ||
		    priority.incremental != rows[i].incremental)
			fail_msg("\"%s\": u=%u i=%d", rows[i].value, priority.urgency,
				 priority.incremental);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(field_is_read_and_nonsense_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
