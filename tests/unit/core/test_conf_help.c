/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/conf_help: the reference says what the tables say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/core/conf_sample.h"

static void reference_shows_types_ranges_and_defaults(void **state)
{
	static const char *const lines[] = {
		"# sample\n\nA file for tests.\n\n",
		"| `limits` | [`limits`](#limits) |  | bounds |\n",
		"| `name` | text | required | of this member |\n",
		"| `n_workers` | whole number, 1 to 256 | `4` | threads |\n",
		"| `pools` | list of [`pools[]`](#pools) |  | groups of origins |\n",
		"| `ports` | list of whole number |  | numbers |\n",
		"| `valid` | names, each with [`valid`](#valid) |  | by status |\n",
		"\n## pools[]\n\nA named group of origins.\n\n",
		"`least_connections`, `random` | `round_robin` | how an origin is chosen |\n",
		"| `timeout` | duration, 10ms to 1m | `2s` | until it answers |\n",
		"\n## pools[].origins[]\n\n",
		"| `body` | size, at least 1KiB | `1MiB` | of a request \\| response |\n",
		"| (the value itself) | duration, 0 to 365d | `1m` | how long |\n",
	};
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 16);
	conf_print_reference(&sample_section, &out);
	const char *text = buf_text(&out);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (!strstr(text, lines[i]))
			fail_msg("missing: %s\nin: %s", lines[i], text);
	}
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference_shows_types_ranges_and_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
