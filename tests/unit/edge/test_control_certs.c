/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/control_certs: files that change under a running edge; keys of tickets in time.
 */
#include "control_stage.h"

#include "tests/unit/core/net/net_test.h"

static const char *const files[] = { "a.crt", "a.key", NULL };

static void stage_open(struct control_stage *stage, struct test_folder *folder)
{
	char text[1024];

	test_folder_make(folder);
	cert_make(folder, "a", "a.test", "DNS:a.test");
	snprintf(text, sizeof(text),
		 "listeners: [{name: https, address: '127.0.0.1:0', tls: {certificates: "
		 "[{certificate: '%1$s/a.crt', key: '%1$s/a.key'}]}}]\n"
		 "tls: {ticket_rotation: 1s}\n"
		 "services: [{name: web, hosts: ['*'], routes: [{path: {prefix: /}, respond: "
		 "{}}]}]\n"
		 "timeouts: {drain_notice: 0s}\n",
		 folder->path);
	control_stage_open(stage, text);
}

static void changed_files_are_taken_and_bad_ones_counted(void **state)
{
	struct control_stage stage;
	struct test_folder folder;
	char path[NET_TEST_PATH];

	(void)state;
	stage_open(&stage, &folder);
	cert_make(&folder, "a", "b.test", "DNS:b.test");
	EDGE_LOOP_UNTIL(stage.loop, metric_read("meridian_certificate_reloads_total", NULL) == 1);
	FILE *out = fopen(test_file(&folder, "a.key", path), "w");
	assert_non_null(out);
	fputs("no key\n", out);
	fclose(out);
	EDGE_LOOP_UNTIL(stage.loop,
			metric_read("meridian_certificate_reloads_failed_total", NULL) == 1);
	assert_int_equal(metric_read("meridian_certificate_reloads_total", NULL), 1);
	control_stage_close(&stage);
	test_folder_remove(&folder, files);
}

static bool opens(const struct control_stage *stage, const struct tls_ticket_key *key)
{
	struct tls_ticket_key found;
	bool old;

	return tls_tickets_find(stage->plan->tickets, key->name, &found, &old);
}

static void ticket_keys_are_replaced_in_time_and_outlive_a_reload(void **state)
{
	struct control_stage stage;
	struct test_folder folder;
	struct tls_ticket_key first;
	bool old;

	(void)state;
	stage_open(&stage, &folder);
	assert_true(tls_tickets_find(stage.plan->tickets, NULL, &first, &old));
	control_reload(stage.control);
	assert_ptr_equal(control_plan(stage.control)->tickets, stage.plan->tickets);
	assert_true(opens(&stage, &first));
	EDGE_LOOP_UNTIL(stage.loop, !opens(&stage, &first));
	control_stage_close(&stage);
	test_folder_remove(&folder, files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changed_files_are_taken_and_bad_ones_counted),
		cmocka_unit_test(ticket_keys_are_replaced_in_time_and_outlive_a_reload),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
