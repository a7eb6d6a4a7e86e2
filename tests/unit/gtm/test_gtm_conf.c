/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/gtm_conf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_tables_cannot_say_is_checked(void **state)
{
	(void)state;
	static const char text[] =
		"node: {name: gtm-1, region: eu}\n"
		"dns:\n  listen: ['127.0.0.1:5353']\n  zones:\n"
		"    - {name: example.test, file: z, steer: [{name: www.example.net, service: "
		"web}]}\n"
		"    - {name: Example.TEST, file: z}\n"
		"    - {name: a..b, file: z}\n"
		"regions: [{name: eu}, {name: eu, static_addresses: [192.0.2.1]}]\n"
		"fallback: {other.test: [192.0.2.9]}\n";
	static const char *const said[] = {
		"is not in the zone",           "is there twice",
		"expected a domain name",       "that its edges may claim",
		"region \"eu\" is there twice", "is not a steered name"
	};
	struct conf *conf;
	struct buf errors;
	void *root;

	assert_int_equal(conf_read_text(span_str(text), "gtm.yaml", &gtm_section, &conf, &root), 0);
	assert_int_equal(conf_n_errors(conf), 0);
	gtm_conf_check(conf, root);
	buf_init(&errors, 65536);
	conf_print_errors(conf, &errors);
	print_message("%s", buf_text(&errors));
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		assert_non_null(strstr(buf_text(&errors), said[i]));
	assert_int_equal(conf_n_errors(conf), 6);
	buf_fini(&errors);
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_tables_cannot_say_is_checked) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
