/* SPDX-License-Identifier: Apache-2.0
 *
 * proof: what one member signs, another believes by its certificate; nobody else's certificate
 * does.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/proof.h"
#include "core/loop.h"

static void signature_is_believed_by_certificate_alone(void **state)
{
	char *folder = fixture_folder();
	struct keyring keyring = fixture_authority(folder, "c"),
		       other = fixture_authority(folder, "c2");
	uint8_t signature[SWIM_SIGNATURE_BYTES];
	struct span said = SPAN_LIT("said");
	struct proof proof_a, proof_b;
	struct loop *loop;

	(void)state;
	fixture_admit(folder, "c", "a", ROLE_EDGE);
	fixture_admit(folder, "c", "b", ROLE_EDGE);
	fixture_admit(folder, "c2", "m", ROLE_EDGE);
	struct identity *a = fixture_identity(folder, "a", &keyring);
	struct identity *b = fixture_identity(folder, "b", &keyring);
	struct identity *m = fixture_identity(folder, "m", &other);
	assert_int_equal(loop_new("test", &loop), 0);
	proof_init(&proof_a, a, loop);
	proof_init(&proof_b, b, loop);
	struct swim_env *env = &proof_b.env;
	assert_int_equal(proof_a.env.sign(&proof_a, said, signature), 0);
	void *key = env->key_open(&proof_b, &a->certificate.id, identity_certificate(a));
	assert_non_null(key);
	assert_true(env->verify(&proof_b, key, said, signature));
	assert_false(env->verify(&proof_b, key, SPAN_LIT("other"), signature));
	struct member member = { .key = key }, self = { .is_self = true },
		      unknown = { .key = NULL };
	assert_string_equal(proof_certificate(&proof_b, &member)->name, "a");
	assert_string_equal(proof_certificate(&proof_b, &self)->name, "b");
	assert_null(proof_certificate(&proof_b, &unknown));
	/* Another's id, another cluster's certificate, nonsense. */
	assert_null(env->key_open(&proof_b, &b->certificate.id, identity_certificate(a)));
	assert_null(env->key_open(&proof_b, &m->certificate.id, identity_certificate(m)));
	assert_null(env->key_open(&proof_b, &a->certificate.id, SPAN_LIT("nonsense")));
	env->key_close(&proof_b, key);
	identity_close(a);
	identity_close(b);
	identity_close(m);
	loop_free(loop);
	fixture_folder_free(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature_is_believed_by_certificate_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
