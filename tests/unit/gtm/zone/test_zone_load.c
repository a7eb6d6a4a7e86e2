/* SPDX-License-Identifier: Apache-2.0 */
#include "gtm/zone/zone_load.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int load(const char *text, struct buf *errors, struct zone **ret_zone)
{
	char path[] = "/tmp/test-zone-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	buf_init(errors, 65536);
	int r = zone_load(path, "example.test", NULL, 0, errors, ret_zone);
	unlink(path);
	return r;
}

static void directives_and_relative_names_work(void **state)
{
	(void)state; /* RFC 1035 5.1, RFC 2308 4 */
	struct buf errors;
	struct zone *zone;

	assert_int_equal(load("$TTL 60\n@ IN SOA ns h ( 3 1 1 ; c\n 1 1 )\n\tNS ns\n"
			      "$ORIGIN SUB.example.test.\nWww A 192.0.2.1\n",
			      &errors, &zone),
			 0);
	assert_non_null(zone_exact(zone, SPAN_LIT("\3www\3sub\7example\4test\0")));
	assert_int_equal(zone_serial(zone), 3);
	zone_free(zone);
	buf_fini(&errors);
}

static void every_fault_is_told_with_its_line(void **state)
{
	(void)state;
	struct buf errors;
	struct zone *zone;

	assert_int_equal(load("$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\nx A 1.2.3\n"
			      "$INCLUDE other\ny.example.net. A 192.0.2.1\nz CH A 192.0.2.1\n",
			      &errors, &zone),
			 -EINVAL);
	const char *text = buf_text(&errors);
	print_message("%s", text);
	assert_non_null(strstr(text, ":4: "));
	assert_non_null(strstr(text, ":6: the name is not in the zone"));
	buf_fini(&errors);
}

static void a_file_that_cannot_be_read_is_said(void **state)
{
	(void)state;
	struct buf errors;
	struct zone *zone;

	buf_init(&errors, 65536);
	assert_int_equal(zone_load("/nowhere/zone", "example.test", NULL, 0, &errors, &zone),
			 -ENOENT);
	assert_true(errors.len > 0);
	assert_true(zone_load("/", "example.test", NULL, 0, &errors, &zone) < 0);
	buf_fini(&errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directives_and_relative_names_work),
		cmocka_unit_test(every_fault_is_told_with_its_line),
		cmocka_unit_test(a_file_that_cannot_be_read_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
