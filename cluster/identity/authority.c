/* SPDX-License-Identifier: Apache-2.0
 *
 * authority: makes keys and certificates. The member's private key is made where the certificate
 * is, for the sake of one command; where it must never travel, run admit on the member with the
 * cluster's folder at hand, and take that away again.
 */
#include "cluster/identity/authority.h"

#include <stdio.h>
#include <sys/stat.h>

#include "cluster/identity/small_file.h"
#include "core/error.h"
#include "core/obj.h"

enum { SECONDS_A_DAY = 86400, MAX_DAYS = 36500 };

static int fault(char *reterr, const char *folder, const char *name, int r)
{
	snprintf(reterr, IDENTITY_ERROR_MAX, "%s/%s: %s", folder, name, err_text(r));
	return r;
}

static int make_one(const char *folder, char *reterr)
{
	if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
		int r = -errno;

		snprintf(reterr, IDENTITY_ERROR_MAX, "%s: %s", folder, err_text(r));
		return err_new(r);
	}
	return 0;
}

/* With those above it. */
static int make_folder(const char *folder, char *reterr)
{
	char path[SMALL_FILE_PATH_MAX];

	if (strlen(folder) >= sizeof(path))
		return err_new(-ENAMETOOLONG);
	for (size_t i = 1; folder[0] != '\0' && folder[i] != '\0'; i++) {
		if (folder[i] != '/' || folder[i - 1] == '/')
			continue;
		memcpy(path, folder, i);
		path[i] = '\0';
		int r = make_one(path, reterr);
		if (r < 0)
			return err_pass(r);
	}
	return make_one(folder, reterr);
}

static int write_part(const char *folder, const char *name, struct span bytes, mode_t mode,
		      char *reterr)
{
	char path[SMALL_FILE_PATH_MAX];
	int r = small_file_path(folder, name, path);

	if (r == 0)
		r = small_file_write(path, bytes, mode);
	return r < 0 ? fault(reterr, folder, name, err_pass(r)) : 0;
}

/* A private key is never overwritten: -EEXIST. */
static int make_key(const char *folder, const char *name, uint8_t ret_seed[CRYPTO_KEY_BYTES],
		    char *reterr)
{
	char path[SMALL_FILE_PATH_MAX], text[2 * CRYPTO_KEY_BYTES + 2];
	int r = sign_key_generate(ret_seed);

	if (r < 0)
		return err_pass(r);
	hex_write(span_of(ret_seed, CRYPTO_KEY_BYTES), text);
	text[sizeof(text) - 2] = '\n';
	r = small_file_path(folder, name, path);
	if (r == 0)
		r = small_file_create(path, span_of(text, sizeof(text) - 1), 0600);
	crypto_wipe(text, sizeof(text));
	return r < 0 ? fault(reterr, folder, name, err_pass(r)) : 0;
}

static int read_seed(const char *folder, const char *name, uint8_t ret_seed[CRYPTO_KEY_BYTES],
		     char *reterr)
{
	char path[SMALL_FILE_PATH_MAX];
	struct buf buf;

	buf_init(&buf, 2 * CRYPTO_KEY_BYTES + 1);
	int r = small_file_path(folder, name, path);
	if (r == 0)
		r = small_file_read(path, &buf);
	struct span text = buf_span(&buf);
	if (r == 0 &&
	    !hex_read(span_first(text, 2UL * CRYPTO_KEY_BYTES), ret_seed, CRYPTO_KEY_BYTES))
		r = err_new(-EINVAL);
	if (buf.len > 0)
		crypto_wipe(buf.at, buf.len);
	buf_fini(&buf);
	return r < 0 ? fault(reterr, folder, name, err_pass(r)) : 0;
}

static int make_keyring(const char *folder, const uint8_t seed[CRYPTO_KEY_BYTES], char *reterr)
{
	struct keyring keyring = { .n_secrets = 1 };
	struct sign_key *key = NULL;
	struct buf text;
	int r = sign_key_new(seed, &key);

	if (r < 0)
		return err_pass(r);
	sign_key_public(key, keyring.cluster_public);
	sign_key_free(key);
	keyring.secrets[0].id = 1;
	r = crypto_random(keyring.secrets[0].bytes, CRYPTO_KEY_BYTES);
	if (r < 0)
		return err_pass(r);
	buf_init(&text, KEYRING_MAX_BYTES);
	keyring_print(&keyring, &text);
	r = text.failed ? err_new(-ENOMEM)
			: write_part(folder, AUTHORITY_KEYRING_FILE, buf_span(&text), 0600, reterr);
	if (text.len > 0)
		crypto_wipe(text.at, text.len);
	buf_fini(&text);
	crypto_wipe(&keyring, sizeof(keyring));
	return r < 0 ? err_pass(r) : 0;
}

int authority_init(const char *folder, char *reterr)
{
	uint8_t seed[CRYPTO_KEY_BYTES] = { 0 };
	int r = make_folder(folder, reterr);

	if (r == 0)
		r = make_key(folder, AUTHORITY_KEY_FILE, seed, reterr);
	if (r == 0)
		r = make_keyring(folder, seed, reterr);
	crypto_wipe(seed, sizeof(seed));
	return r < 0 ? err_pass(r) : 0;
}

static int next_serial(const char *folder, uint64_t *ret_serial, char *reterr)
{
	char path[SMALL_FILE_PATH_MAX], text[32];
	uint64_t serial = 0;
	struct buf buf;

	int r = small_file_path(folder, AUTHORITY_SERIAL_FILE, path);
	if (r < 0)
		return fault(reterr, folder, AUTHORITY_SERIAL_FILE, err_pass(r));
	buf_init(&buf, 32);
	r = small_file_read(path, &buf);
	struct span number = span_first(buf_span(&buf), buf.len > 0 ? buf.len - 1 : 0);
	if (r == -ENOENT)
		r = 0;
	else if (r == 0 && !span_to_u64(number, UINT64_MAX / 2, &serial))
		r = err_new(-EINVAL);
	buf_fini(&buf);
	if (r < 0)
		return fault(reterr, folder, AUTHORITY_SERIAL_FILE, err_pass(r));
	*ret_serial = ++serial;
	int n = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)serial);
	return write_part(folder, AUTHORITY_SERIAL_FILE, span_of(text, (size_t)n), 0600, reterr);
}

static int check_admission(const struct admission *admission, char *reterr)
{
	const char *text = NULL;

	if (!certificate_name_ok(span_str(admission->name)))
		text = "a name is 1 to 63 of a-z, 0-9, '-', '_' and '.'";
	else if (!certificate_name_ok(span_str(admission->region)))
		text = "a region is 1 to 63 of a-z, 0-9, '-', '_' and '.'";
	else if (admission->days < 1 || admission->days > MAX_DAYS)
		text = "a certificate lasts 1 to 36500 days";
	if (!text)
		return 0;
	snprintf(reterr, IDENTITY_ERROR_MAX, "%s", text);
	return err_new(-EINVAL);
}

static int member_public_key(const char *folder, uint8_t ret_public[CRYPTO_KEY_BYTES], char *reterr)
{
	uint8_t seed[CRYPTO_KEY_BYTES] = { 0 };
	struct sign_key *key = NULL;
	int r = make_key(folder, IDENTITY_KEY_FILE, seed, reterr);

	if (r == -EEXIST)
		r = read_seed(folder, IDENTITY_KEY_FILE, seed, reterr);
	if (r == 0)
		r = sign_key_new(seed, &key);
	crypto_wipe(seed, sizeof(seed));
	if (r < 0)
		return err_pass(r);
	sign_key_public(key, ret_public);
	sign_key_free(key);
	return 0;
}

static int issue(const char *folder, const char *member_folder,
		 const struct certificate *certificate, char *reterr)
{
	uint8_t seed[CRYPTO_KEY_BYTES] = { 0 }, bytes[CERTIFICATE_MAX_BYTES];
	struct sign_key *authority = NULL;
	size_t len = 0;
	int r = read_seed(folder, AUTHORITY_KEY_FILE, seed, reterr);

	if (r == 0)
		r = sign_key_new(seed, &authority);
	crypto_wipe(seed, sizeof(seed));
	if (r == 0)
		r = certificate_issue(authority, certificate, bytes, &len);
	sign_key_free(authority);
	if (r < 0)
		return err_pass(r);
	return write_part(member_folder, IDENTITY_CERTIFICATE_FILE, span_of(bytes, len), 0644,
			  reterr);
}

int authority_admit(const char *folder, const char *member_folder,
		    const struct admission *admission, struct member_id *ret_id, char *reterr)
{
	struct certificate certificate = {
		.roles = admission->roles,
		.not_before_s = admission->not_before_s,
		.not_after_s = admission->not_before_s + admission->days * SECONDS_A_DAY,
	};
	int r = check_admission(admission, reterr);

	if (r < 0)
		return err_pass(r);
	snprintf(reterr, IDENTITY_ERROR_MAX, "%s: the member cannot be admitted", member_folder);
	snprintf(certificate.name, sizeof(certificate.name), "%s", admission->name);
	snprintf(certificate.region, sizeof(certificate.region), "%s", admission->region);
	r = next_serial(folder, &certificate.serial, reterr);
	if (r == 0)
		r = make_folder(member_folder, reterr);
	if (r == 0)
		r = member_public_key(member_folder, certificate.public_key, reterr);
	if (r == 0)
		r = issue(folder, member_folder, &certificate, reterr);
	if (r < 0)
		return err_pass(r);
	return member_id_of(certificate.public_key, ret_id);
}
