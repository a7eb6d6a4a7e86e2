/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/zone/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void an_address_is_one_record_at_the_question(void **state)
{
	(void)state; /* RFC 1035 3.2.1, 4.1.4 */
	struct addr addr;

	assert_true(addr_parse_ip(SPAN_LIT("192.0.2.1"), &addr));
	struct rr_image *image = image_address(&addr, 0x01020304);
	assert_non_null(image);
	assert_int_equal(image->n_records, 1);
	assert_int_equal(image->len, 16);
	assert_memory_equal(image->bytes, "\xc0\x0c\0\1\0\1\1\2\3\4\0\4\xc0\0\2\1", 16);
	free(image);
}

static void an_ipv6_address_is_aaaa(void **state)
{
	(void)state; /* RFC 3596 2.1 */
	struct addr addr;

	assert_true(addr_parse_ip(SPAN_LIT("2001:db8::1"), &addr));
	struct rr_image *image = image_address(&addr, 30);
	assert_non_null(image);
	assert_int_equal(image->type, 28);
	assert_int_equal(image->len, image_record_len(16));
	free(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_one_record_at_the_question),
		cmocka_unit_test(an_ipv6_address_is_aaaa),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
