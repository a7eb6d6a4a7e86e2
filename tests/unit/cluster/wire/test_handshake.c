/* SPDX-License-Identifier: Apache-2.0
 *
 * handshake: two members of one cluster get a session; nobody else does, and nobody passes for
 * another.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/wire/handshake.h"

enum { NOW_S = FIXTURE_NOW_S + 1 };

struct world {
	char *folder;
	struct keyring keyring, other;
	struct identity *alice, *bob, *mallory;
};

static int world_make(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->folder = fixture_folder();
	w->keyring = fixture_authority(w->folder, "c");
	w->other = fixture_authority(w->folder, "c2");
	fixture_admit(w->folder, "c", "alice", ROLE_EDGE);
	fixture_admit(w->folder, "c", "bob", ROLE_GTM);
	fixture_admit(w->folder, "c2", "mallory", ROLE_EDGE);
	w->alice = fixture_identity(w->folder, "alice", &w->keyring);
	w->bob = fixture_identity(w->folder, "bob", &w->keyring);
	w->mallory = fixture_identity(w->folder, "mallory", &w->other);
	*state = w;
	return 0;
}

static int world_drop(void **state)
{
	struct world *w = *state;

	identity_close(w->alice);
	identity_close(w->bob);
	identity_close(w->mallory);
	fixture_folder_free(w->folder);
	free(w);
	return 0;
}

static struct span hello_of(const struct handshake *handshake)
{
	return span_of(handshake->hello, HANDSHAKE_BYTES);
}

static void expect_passes(struct session *from, struct session *to)
{
	uint8_t packet[64], plain[64];
	struct span sealed = span_of(packet, SEAL_OVERHEAD_BYTES + 4);
	struct seal_header header;

	assert_int_equal(session_seal(from, SPAN_LIT("ping"), packet), 0);
	assert_int_equal(seal_read_header(sealed, &header), SEAL_OK);
	assert_int_equal(session_open(to, &header, sealed, plain), SEAL_OK);
	assert_memory_equal(plain, "ping", 4);
}

static void two_members_agree(void **state)
{
	struct world *w = *state;
	struct handshake_self a = { &w->keyring, w->alice }, b = { &w->keyring, w->bob };
	uint8_t welcome[HANDSHAKE_BYTES], again[HANDSHAKE_BYTES];
	struct proven_member other_a, other_b;
	struct session sa, sb, sb2;
	struct handshake handshake;

	assert_int_equal(handshake_begin(&a, &handshake), 0);
	assert_int_equal(handshake_answer(&b, hello_of(&handshake), NOW_S, welcome, &sb, &other_a),
			 0);
	assert_int_equal(handshake_answer(&b, hello_of(&handshake), NOW_S, again, &sb2, &other_a),
			 0);
	assert_memory_not_equal(welcome, again, sizeof(welcome));
	assert_int_equal(handshake_finish(&a, &handshake, span_of(welcome, sizeof(welcome)), NOW_S,
					  &sa, &other_b),
			 0);
	assert_string_equal(other_a.certificate.name, "alice");
	assert_string_equal(other_b.certificate.name, "bob");
	assert_memory_equal(sa.id, sb.id, SEAL_SESSION_BYTES);
	expect_passes(&sa, &sb);
	expect_passes(&sb, &sa);
	session_fini(&sa);
	session_fini(&sb);
	session_fini(&sb2);
	handshake_wipe(&handshake);
}

static void welcome_of_another_hello_is_refused(void **state)
{
	struct world *w = *state;
	struct handshake_self a = { &w->keyring, w->alice }, b = { &w->keyring, w->bob };
	uint8_t welcome[HANDSHAKE_BYTES];
	struct span answer = span_of(welcome, sizeof(welcome));
	struct handshake first, second;
	struct proven_member other;
	struct session s, none;

	assert_int_equal(handshake_begin(&a, &first), 0);
	assert_int_equal(handshake_begin(&a, &second), 0);
	assert_int_equal(handshake_answer(&b, hello_of(&first), NOW_S, welcome, &s, &other), 0);
	assert_int_equal(handshake_finish(&a, &second, answer, NOW_S, &none, &other),
			 HANDSHAKE_OTHER_SESSION);
	/* Even under the first one's name: the signature covers the whole HELLO. */
	memcpy(second.session, first.session, SEAL_SESSION_BYTES);
	assert_int_equal(handshake_finish(&a, &second, answer, NOW_S, &none, &other),
			 HANDSHAKE_FORGED);
	session_fini(&s);
}

static void other_cluster_and_other_secret_are_refused(void **state)
{
	struct world *w = *state;
	struct keyring old = w->keyring;
	struct handshake_self a = { &w->keyring, w->alice }, m = { &w->other, w->mallory };
	struct handshake_self outdated = { &old, w->bob };
	uint8_t welcome[HANDSHAKE_BYTES];
	struct handshake handshake;
	struct proven_member other;
	struct session s;

	assert_int_equal(handshake_begin(&m, &handshake), 0);
	assert_int_equal(handshake_answer(&a, hello_of(&handshake), NOW_S, welcome, &s, &other),
			 HANDSHAKE_OTHER_GROUP);
	old.secrets[0].bytes[0] ^= 1;
	assert_int_equal(handshake_begin(&outdated, &handshake), 0);
	assert_int_equal(handshake_answer(&a, hello_of(&handshake), NOW_S, welcome, &s, &other),
			 HANDSHAKE_NO_SECRET);
	old = w->keyring;
	old.secrets[0].id = 9;
	assert_int_equal(handshake_begin(&outdated, &handshake), 0);
	assert_int_equal(handshake_answer(&a, hello_of(&handshake), NOW_S, welcome, &s, &other),
			 HANDSHAKE_NO_SECRET);
}

static void group_secret_alone_impersonates_nobody(void **state)
{
	struct world *w = *state;
	/* Mallory has stolen the keyring, and a copy of Bob's certificate, but not his key. */
	struct identity thief = *w->mallory;
	struct handshake_self a = { &w->keyring, w->alice }, m = { &w->keyring, &thief };
	uint8_t welcome[HANDSHAKE_BYTES];
	struct handshake handshake;
	struct proven_member other;
	struct session s;

	assert_int_equal(handshake_begin(&m, &handshake), 0);
	assert_int_equal(handshake_answer(&a, hello_of(&handshake), NOW_S, welcome, &s, &other),
			 HANDSHAKE_CERTIFICATE);
	memcpy(thief.certificate_bytes, w->bob->certificate_bytes, w->bob->certificate_len);
	thief.certificate_len = w->bob->certificate_len;
	assert_int_equal(handshake_begin(&m, &handshake), 0);
	assert_int_equal(handshake_answer(&a, hello_of(&handshake), NOW_S, welcome, &s, &other),
			 HANDSHAKE_FORGED);
	thief.certificate = w->bob->certificate;
	assert_int_equal(handshake_begin(&m, &handshake), 0);
	assert_int_equal(handshake_answer(&a, hello_of(&handshake), NOW_S, welcome, &s, &other),
			 HANDSHAKE_FORGED);
}

static void expired_member_and_ourselves_are_refused(void **state)
{
	struct world *w = *state;
	struct handshake_self a = { &w->keyring, w->alice }, b = { &w->keyring, w->bob };
	uint8_t welcome[HANDSHAKE_BYTES];
	struct handshake handshake;
	struct proven_member other;
	struct session s;

	assert_int_equal(handshake_begin(&b, &handshake), 0);
	assert_int_equal(handshake_answer(&a, hello_of(&handshake),
					  NOW_S + (FIXTURE_DAYS + 1) * INT64_C(86400), welcome, &s,
					  &other),
			 HANDSHAKE_CERTIFICATE);
	assert_int_equal(handshake_answer(&b, hello_of(&handshake), NOW_S, welcome, &s, &other),
			 HANDSHAKE_OURSELVES);
}

static void every_changed_or_missing_byte_is_noticed(void **state)
{
	struct world *w = *state;
	struct handshake_self a = { &w->keyring, w->alice }, b = { &w->keyring, w->bob };
	uint8_t welcome[HANDSHAKE_BYTES];
	struct handshake handshake;
	struct proven_member other;
	struct session s;

	assert_int_equal(handshake_begin(&a, &handshake), 0);
	for (size_t i = 0; i < HANDSHAKE_BYTES; i++) {
		handshake.hello[i] ^= 4;
		assert_int_not_equal(
			handshake_answer(&b, hello_of(&handshake), NOW_S, welcome, &s, &other), 0);
		handshake.hello[i] ^= 4;
		assert_int_not_equal(handshake_answer(&b, span_of(handshake.hello, i), NOW_S,
						      welcome, &s, &other),
				     0);
	}
	for (int i = HANDSHAKE_OK; i <= HANDSHAKE_OTHER_SESSION; i++)
		assert_non_null(handshake_outcome_name((enum handshake_outcome)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_members_agree),
		cmocka_unit_test(welcome_of_another_hello_is_refused),
		cmocka_unit_test(other_cluster_and_other_secret_are_refused),
		cmocka_unit_test(group_secret_alone_impersonates_nobody),
		cmocka_unit_test(expired_member_and_ourselves_are_refused),
		cmocka_unit_test(every_changed_or_missing_byte_is_noticed),
	};

	return cmocka_run_group_tests(tests, world_make, world_drop);
}
