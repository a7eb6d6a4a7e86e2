/* SPDX-License-Identifier: Apache-2.0
 *
 * identity: reads the folder and fits its three files together. The incarnation on disk is ahead of
 * the one in use, so that a refutation costs no fsync on the cluster's thread; a start begins
 * behind it, and the gap does no harm, for only the order counts.
 */
#include "cluster/identity/identity.h"

#include <stdio.h>

#include "cluster/identity/small_file.h"
#include "core/error.h"
#include "core/obj.h"

#define IDENTITY_KIND OBJ_KIND('i', 'd', 'n', 't')

static int fault(char *reterr, const char *folder, const char *name, const char *text)
{
	snprintf(reterr, IDENTITY_ERROR_MAX, "%s/%s: %s", folder, name, text);
	return err_new(-EINVAL);
}

static int read_part(const char *folder, const char *name, struct buf *buf, char *reterr)
{
	char path[SMALL_FILE_PATH_MAX];
	int r = small_file_path(folder, name, path);

	if (r == 0)
		r = small_file_read(path, buf);
	if (r < 0) {
		(void)fault(reterr, folder, name, err_text(r));
		return err_pass(r);
	}
	return 0;
}

static int load_key(struct identity *identity, const char *folder, char *reterr)
{
	uint8_t seed[CRYPTO_KEY_BYTES];
	char path[SMALL_FILE_PATH_MAX];
	struct buf buf;

	buf_init(&buf, 2 * CRYPTO_KEY_BYTES + 1);
	int r = read_part(folder, IDENTITY_KEY_FILE, &buf, reterr);
	if (r == 0)
		r = small_file_path(folder, IDENTITY_KEY_FILE, path);
	if (r == 0 && small_file_check_private(path) < 0)
		r = fault(reterr, folder, IDENTITY_KEY_FILE, "others may read it: chmod 600");
	struct span text = buf_span(&buf);
	if (text.len > 0 && text.at[text.len - 1] == '\n')
		text.len--;
	if (r == 0 && !hex_read(text, seed, sizeof(seed)))
		r = fault(reterr, folder, IDENTITY_KEY_FILE, "expected 64 hexadecimal digits");
	if (r == 0)
		r = sign_key_new(seed, &identity->key);
	crypto_wipe(seed, sizeof(seed));
	if (buf.len > 0)
		crypto_wipe(buf.at, buf.len);
	buf_fini(&buf);
	return r < 0 ? err_pass(r) : 0;
}

static int check_certificate(struct identity *identity, const char *folder, int64_t wall_s,
			     char *reterr)
{
	char text[128];
	uint8_t public_key[CRYPTO_KEY_BYTES];
	int r = certificate_check(identity->authority, identity_certificate(identity), wall_s,
				  &identity->certificate);

	if (r < 0)
		return err_pass(r);
	/* Only others can tell whether our clock is wrong, so early is no reason to stay away. */
	if (r != CERTIFICATE_OK && r != CERTIFICATE_EARLY) {
		snprintf(text, sizeof(text), "%s: ask for a new one (meridianctl cluster admit)",
			 certificate_outcome_text((enum certificate_outcome)r));
		return fault(reterr, folder, IDENTITY_CERTIFICATE_FILE, text);
	}
	sign_key_public(identity->key, public_key);
	if (memcmp(public_key, identity->certificate.public_key, sizeof(public_key)) != 0)
		return fault(reterr, folder, IDENTITY_CERTIFICATE_FILE,
			     "it is for another key than " IDENTITY_KEY_FILE);
	return 0;
}

static int load_certificate(struct identity *identity, const char *folder, int64_t wall_s,
			    char *reterr)
{
	struct buf buf;

	buf_init(&buf, CERTIFICATE_MAX_BYTES);
	int r = read_part(folder, IDENTITY_CERTIFICATE_FILE, &buf, reterr);
	if (r == 0) {
		identity->certificate_len = buf.len;
		if (buf.len > 0)
			memcpy(identity->certificate_bytes, buf.at, buf.len);
		r = check_certificate(identity, folder, wall_s, reterr);
	}
	buf_fini(&buf);
	return r < 0 ? err_pass(r) : 0;
}

/* A missing file is a first start; one that cannot be understood is not guessed at. */
static int load_incarnation(struct identity *identity, const char *folder, char *reterr)
{
	struct buf buf;
	uint64_t saved = 0;

	buf_init(&buf, 32);
	int r = small_file_read(identity->incarnation_path, &buf);
	struct span text = buf_span(&buf);
	if (text.len > 0 && text.at[text.len - 1] == '\n')
		text.len--;
	if (r == -ENOENT)
		r = 0;
	else if (r < 0)
		(void)fault(reterr, folder, IDENTITY_INCARNATION_FILE, err_text(r));
	else if (!span_to_u64(text, UINT64_MAX / 2, &saved))
		r = fault(reterr, folder, IDENTITY_INCARNATION_FILE,
			  "expected a number; without the file we begin anew");
	buf_fini(&buf);
	if (r < 0)
		return err_pass(r);
	r = identity_raise_incarnation(identity, saved + 1);
	if (r < 0)
		(void)fault(reterr, folder, IDENTITY_INCARNATION_FILE, err_text(r));
	return r;
}

static int open_parts(struct identity *identity, const char *folder, const struct keyring *keyring,
		      int64_t wall_s, char *reterr)
{
	char path[SMALL_FILE_PATH_MAX];
	int r = verify_key_new(keyring->cluster_public, &identity->authority);

	if (r == 0)
		r = load_key(identity, folder, reterr);
	if (r == 0)
		r = load_certificate(identity, folder, wall_s, reterr);
	if (r == 0)
		r = small_file_path(folder, IDENTITY_INCARNATION_FILE, path);
	if (r < 0)
		return err_pass(r);
	identity->incarnation_path = strdup(path);
	if (!identity->incarnation_path)
		return err_new(-ENOMEM);
	return load_incarnation(identity, folder, reterr);
}

int identity_open(const char *folder, const struct keyring *keyring, int64_t wall_s,
		  struct identity **ret_identity, char *reterr)
{
	struct identity *identity = OBJ_NEW(struct identity, IDENTITY_KIND);

	if (!identity)
		return err_new(-ENOMEM);
	snprintf(reterr, IDENTITY_ERROR_MAX, "%s: cannot be used", folder);
	int r = open_parts(identity, folder, keyring, wall_s, reterr);
	if (r < 0) {
		identity_close(identity);
		return err_pass(r);
	}
	*ret_identity = identity;
	return 0;
}

void identity_close(struct identity *identity)
{
	if (!identity)
		return;
	MUST(identity->kind == IDENTITY_KIND);
	sign_key_free(identity->key);
	verify_key_free(identity->authority);
	free(identity->incarnation_path);
	OBJ_FREE(identity);
}

int identity_raise_incarnation(struct identity *identity, uint64_t incarnation)
{
	char text[32];

	if (incarnation <= identity->incarnation)
		return 0;
	if (incarnation >= identity->saved_incarnation) {
		uint64_t ahead = incarnation + IDENTITY_INCARNATIONS_AHEAD;
		int n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)ahead);
		int r = small_file_write(identity->incarnation_path, span_of(text, (size_t)n),
					 0600);

		if (r < 0)
			return err_pass(r);
		identity->saved_incarnation = ahead;
	}
	identity->incarnation = incarnation;
	return 0;
}
