/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring: read line by line; the first thing that is wrong is named with its line, for this file
 * is written by a tool and a second error in it says nothing more.
 */
#include "cluster/identity/keyring.h"

#include <stdio.h>

#include "cluster/identity/small_file.h"
#include "core/error.h"
#include "core/obj.h"

struct reading {
	struct keyring keyring;
	bool has_cluster, has_use;
	uint8_t use;
	unsigned line;
	char *reterr;
};

static int fault(const struct reading *reading, const char *text)
{
	snprintf(reading->reterr, KEYRING_ERROR_MAX, "line %u: %s", reading->line, text);
	return err_new(-EINVAL);
}

static int read_id(const struct reading *reading, struct span word, uint8_t *ret_id)
{
	uint64_t id;

	if (!span_to_u64(word, UINT8_MAX, &id) || id == 0)
		return fault(reading, "expected a number from 1 to 255");
	*ret_id = (uint8_t)id;
	return 0;
}

static int read_cluster(struct reading *reading, struct span value)
{
	if (reading->has_cluster)
		return fault(reading, "a second `cluster`");
	if (!hex_read(value, reading->keyring.cluster_public, CRYPTO_KEY_BYTES))
		return fault(reading, "expected `cluster` and 64 hexadecimal digits");
	reading->has_cluster = true;
	return 0;
}

static int read_secret(struct reading *reading, struct span value)
{
	struct keyring *keyring = &reading->keyring;
	struct span id_word = SPAN_NONE;
	uint8_t id = 0;

	if (!span_cut(&value, ' ', &id_word))
		return fault(reading, "expected `secret`, a number and 64 hexadecimal digits");
	int r = read_id(reading, id_word, &id);
	if (r < 0)
		return err_pass(r);
	if (keyring_find(keyring, id))
		return fault(reading, "a second secret of that number");
	if (keyring->n_secrets == KEYRING_MAX_SECRETS)
		return fault(reading, "more than 8 secrets");
	struct keyring_secret *secret = &keyring->secrets[keyring->n_secrets];
	if (!hex_read(span_trim(value), secret->bytes, CRYPTO_KEY_BYTES))
		return fault(reading, "expected 64 hexadecimal digits behind the number");
	secret->id = id;
	keyring->n_secrets++;
	return 0;
}

static int read_use(struct reading *reading, struct span value)
{
	if (reading->has_use)
		return fault(reading, "a second `use`");
	reading->has_use = true;
	return read_id(reading, value, &reading->use);
}

static int read_line(struct reading *reading, struct span line)
{
	struct span word = SPAN_NONE;

	line = span_trim(span_first(line, span_find(line, '#')));
	if (line.len == 0)
		return 0;
	(void)span_cut(&line, ' ', &word);
	line = span_trim(line);
	if (span_eq(word, SPAN_LIT("cluster")))
		return read_cluster(reading, line);
	if (span_eq(word, SPAN_LIT("secret")))
		return read_secret(reading, line);
	if (span_eq(word, SPAN_LIT("use")))
		return read_use(reading, line);
	return fault(reading, "expected `cluster`, `secret` or `use`");
}

static int finish(struct reading *reading)
{
	struct keyring *keyring = &reading->keyring;

	if (!reading->has_cluster)
		return fault(reading, "the file has no `cluster` line");
	if (keyring->n_secrets == 0)
		return fault(reading, "the file has no `secret` line");
	if (!reading->has_use)
		return fault(reading, "the file has no `use` line");
	const struct keyring_secret *used = keyring_find(keyring, reading->use);
	if (!used)
		return fault(reading, "`use` names a secret that is not there");
	keyring->in_use = (size_t)(used - keyring->secrets);
	return keyring_derive(keyring);
}

int keyring_parse(
	struct span text, struct keyring *ret_keyring,
	char *reterr) /* NOLINT(readability-non-const-parameter): written through the reading */
{
	struct reading reading = { .reterr = reterr };
	struct span line;
	int r = 0;

	if (text.len > KEYRING_MAX_BYTES) {
		r = fault(&reading, "the file is longer than 8 KiB");
	} else {
		while (r == 0 && span_cut(&text, '\n', &line)) {
			reading.line++;
			r = read_line(&reading, line);
		}
	}
	if (r == 0)
		r = finish(&reading);
	if (r == 0)
		*ret_keyring = reading.keyring;
	crypto_wipe(&reading.keyring, sizeof(reading.keyring));
	return r < 0 ? err_pass(r) : 0;
}

static int read_private(const char *path, struct buf *buf, char *reterr)
{
	int r = small_file_check_private(path);

	if (r == -EPERM) {
		snprintf(reterr, KEYRING_ERROR_MAX, "others may read it: chmod 600 %s", path);
		return err_pass(r);
	}
	if (r == 0)
		r = small_file_read(path, buf);
	if (r < 0) {
		snprintf(reterr, KEYRING_ERROR_MAX, "%s", err_text(r));
		return err_pass(r);
	}
	return 0;
}

int keyring_load(const char *path, struct keyring *ret_keyring, char *reterr)
{
	struct buf buf;

	buf_init(&buf, KEYRING_MAX_BYTES);
	int r = read_private(path, &buf, reterr);
	if (r == 0)
		r = keyring_parse(buf_span(&buf), ret_keyring, reterr);
	if (buf.len > 0)
		crypto_wipe(buf.at, buf.len);
	buf_fini(&buf);
	return r < 0 ? err_pass(r) : 0;
}

void keyring_print(const struct keyring *keyring, struct buf *out)
{
	char hex[2 * CRYPTO_KEY_BYTES + 1];

	MUST(keyring->in_use < keyring->n_secrets);
	buf_add_str(out,
		    "# Meridian keyring: every member of the cluster has a copy, nobody else.\n");
	hex_write(span_of(keyring->cluster_public, CRYPTO_KEY_BYTES), hex);
	buf_printf(out, "cluster %s\n", hex);
	for (size_t i = 0; i < keyring->n_secrets; i++) {
		hex_write(span_of(keyring->secrets[i].bytes, CRYPTO_KEY_BYTES), hex);
		buf_printf(out, "secret %u %s\n", keyring->secrets[i].id, hex);
	}
	buf_printf(out, "use %u\n", keyring->secrets[keyring->in_use].id);
	crypto_wipe(hex, sizeof(hex));
}

int keyring_derive(struct keyring *keyring)
{
	uint8_t tag[KEYRING_TAG_BYTES];
	int r = crypto_hkdf_sha256(span_of(keyring->cluster_public, CRYPTO_KEY_BYTES), SPAN_NONE,
				   SPAN_LIT("meridian group tag"), tag, sizeof(tag));

	if (r < 0)
		return err_pass(r);
	memcpy(keyring->group_tag, tag, sizeof(tag));
	return 0;
}

const struct keyring_secret *keyring_find(const struct keyring *keyring, uint8_t id)
{
	for (size_t i = 0; i < keyring->n_secrets; i++) {
		if (keyring->secrets[i].id == id)
			return &keyring->secrets[i];
	}
	return NULL;
}
