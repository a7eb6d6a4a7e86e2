/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/tls_tickets: which key seals, which still open.
 */
#include "core/net/tls_tickets.h"

#include "tests/unit/core/net/net_test.h"

static struct tls_ticket_key sealing(struct tls_tickets *tickets)
{
	struct tls_ticket_key key;
	bool old = true;

	assert_true(tls_tickets_find(tickets, NULL, &key, &old));
	assert_false(old);
	return key;
}

static void sealing_key_is_found_by_its_name(void **state)
{
	struct tls_tickets *tickets;
	struct tls_ticket_key found;
	bool old = true;

	(void)state;
	assert_int_equal(tls_tickets_new(&tickets), 0);
	struct tls_ticket_key key = sealing(tickets);
	assert_true(tls_tickets_find(tickets, key.name, &found, &old));
	assert_false(old);
	assert_memory_equal(&found, &key, sizeof(key));
	key.name[0] ^= 1;
	assert_false(tls_tickets_find(tickets, key.name, &found, &old));
	tls_tickets_unref(tickets);
}

static void rotated_keys_open_until_newer_ones_push_them_out(void **state)
{
	struct tls_tickets *tickets;
	struct tls_ticket_key found;
	bool old = false;

	(void)state;
	assert_int_equal(tls_tickets_new(&tickets), 0);
	const struct tls_ticket_key first = sealing(tickets);
	for (int i = 1; i < TLS_TICKET_KEYS; i++) {
		assert_int_equal(tls_tickets_rotate(tickets), 0);
		assert_true(tls_tickets_find(tickets, first.name, &found, &old));
		assert_true(old);
		assert_memory_not_equal(sealing(tickets).name, first.name, sizeof(first.name));
	}
	assert_int_equal(tls_tickets_rotate(tickets), 0);
	assert_false(tls_tickets_find(tickets, first.name, &found, &old));
	tls_tickets_unref(tickets);
}

static void given_keys_replace_those_that_were_made(void **state)
{
	const struct tls_ticket_key keys[] = { { .name = "new" }, { .name = "old" } };
	struct tls_tickets *tickets;
	struct tls_ticket_key found;
	bool old = false;

	(void)state;
	assert_int_equal(tls_tickets_new(&tickets), 0);
	const struct tls_ticket_key made = sealing(tls_tickets_ref(tickets));
	tls_tickets_set(tickets, keys, 2);
	tls_tickets_unref(tickets);
	assert_memory_equal(sealing(tickets).name, "new", 3);
	assert_true(tls_tickets_find(tickets, keys[1].name, &found, &old));
	assert_true(old);
	assert_false(tls_tickets_find(tickets, made.name, &found, &old));
	tls_tickets_unref(tickets);
	tls_tickets_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealing_key_is_found_by_its_name),
		cmocka_unit_test(rotated_keys_open_until_newer_ones_push_them_out),
		cmocka_unit_test(given_keys_replace_those_that_were_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
