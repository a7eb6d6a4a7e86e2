/* SPDX-License-Identifier: Apache-2.0
 *
 * stapler: an entry for each certificate, by its fingerprint, so that the same one at several
 * listeners, or read again after a change of another file, is asked about once.
 */
#include "edge/tls/stapler.h"

#include <openssl/x509.h>

#include "core/error.h"
#include "core/log.h"
#include "core/net/crypto.h"
#include "core/net/fetch.h"
#include "core/obj.h"
#include "core/table.h"
#include "edge/tls/ocsp.h"

#define STAPLER_KIND OBJ_KIND('s', 't', 'p', 'l')
#define ENTRY_KIND   OBJ_KIND('s', 't', 'p', 'e')

enum {
	FETCH_TIMEOUT_MS = 10000,
	REFRESH_MAX_S = 86400,
	RETRY_MIN_S = 30,
	RETRY_MAX_S = 3600,
	NAME_BYTES = 256,
};

/* A context that has the certificate. */
struct use {
	struct tls_context *tls; /* a reference */
	size_t index;
};

struct entry {
	uint32_t kind;
	UT_hash_handle hh;
	uint8_t fingerprint[CRYPTO_HASH_BYTES];
	struct stapler *stapler;
	X509 *leaf, *issuer; /* references */
	struct use *uses;    /* owned */
	size_t n_uses;
	char url[OCSP_URL_BYTES];
	struct buf request;
	struct buf response; /* the last good one */
	int64_t until_s;
	unsigned n_failures; /* in a row */
	struct http_fetch *fetch;
	struct loop_timer timer;
};

struct stapler {
	uint32_t kind;
	struct loop *loop;
	struct fetcher *fetcher;
	struct entry *entries;
};

int64_t stapler_refresh_s(int64_t now_s, int64_t until_s)
{
	return MIN(MAX((until_s - now_s) / 2, 1), REFRESH_MAX_S);
}

int64_t stapler_retry_s(unsigned n_failures)
{
	MUST(n_failures >= 1);
	return n_failures > 7 ? RETRY_MAX_S : MIN(RETRY_MIN_S << (n_failures - 1), RETRY_MAX_S);
}

/* ---- entries ---- */

static void uses_forget(struct entry *entry)
{
	for (size_t i = 0; i < entry->n_uses; i++)
		tls_unref(entry->uses[i].tls);
	free(entry->uses);
	entry->uses = NULL;
	entry->n_uses = 0;
}

static void entry_free(struct entry *entry)
{
	if (entry->fetch)
		fetch_cancel(entry->fetch);
	loop_timer_stop(&entry->timer);
	uses_forget(entry);
	buf_fini(&entry->request);
	buf_fini(&entry->response);
	X509_free(entry->leaf);
	X509_free(entry->issuer);
	OBJ_FREE(entry);
}

static const char *entry_name(const struct entry *entry, char name[NAME_BYTES])
{
	return X509_NAME_oneline(X509_get_subject_name(entry->leaf), name, NAME_BYTES);
}

static void wait_s(struct entry *entry, int64_t s)
{
	struct loop *loop = entry->stapler->loop;

	loop_timer_set(&entry->timer, mono_add_ms(loop_now(loop), s * MS_PER_S));
}

/* ---- answers ---- */

static void staple(const struct entry *entry, const struct use *use)
{
	int r = tls_server_staple(use->tls, use->index, buf_span(&entry->response), entry->until_s);

	if (r < 0)
		LOG_ERROR("ocsp.staple", kv_err(r));
}

static void failed(struct entry *entry, const char *reason)
{
	char name[NAME_BYTES];
	int64_t left_s = entry->until_s - loop_wall_s(entry->stapler->loop);

	if (entry->n_failures++ == 0)
		LOG_WARN("ocsp.failed", kv_str("certificate", entry_name(entry, name)),
			 kv_str("url", entry->url), kv_str("reason", reason),
			 kv_int("answer_holds_s", MAX(left_s, 0)));
	wait_s(entry, stapler_retry_s(entry->n_failures));
}

static void good(struct entry *entry, struct span response, const struct ocsp_validity *validity)
{
	int64_t now_s = loop_wall_s(entry->stapler->loop);
	char name[NAME_BYTES];

	buf_empty(&entry->response);
	buf_add(&entry->response, response);
	if (entry->response.failed) {
		failed(entry, "out of memory");
		return;
	}
	entry->until_s = validity->until_s;
	entry->n_failures = 0;
	for (size_t i = 0; i < entry->n_uses; i++)
		staple(entry, &entry->uses[i]);
	LOG_INFO("ocsp.stapled", kv_str("certificate", entry_name(entry, name)),
		 kv_int("holds_s", validity->until_s - now_s));
	wait_s(entry, stapler_refresh_s(now_s, validity->until_s));
}

/* Clients would refuse the certificate by it; ours to say to the operator, not to them. */
static void bad(struct entry *entry, const char *status)
{
	char name[NAME_BYTES];

	LOG_ERROR("ocsp.bad", kv_str("certificate", entry_name(entry, name)),
		  kv_str("status", status));
	entry->n_failures++;
	wait_s(entry, RETRY_MAX_S);
}

static void on_answer(const struct fetch_response *response, void *arg)
{
	struct entry *entry = OBJ_CAST(struct entry, arg, ENTRY_KIND);
	struct ocsp_validity validity;

	entry->fetch = NULL;
	if (response->r < 0 || response->status != 200) {
		failed(entry, response->r < 0 ? response->error : "the status is not 200");
		return;
	}
	switch (ocsp_judge(entry->leaf, entry->issuer, response->body,
			   loop_wall_s(entry->stapler->loop), &validity)) {
	case OCSP_GOOD:
		good(entry, response->body, &validity);
		return;
	case OCSP_REVOKED:
		bad(entry, "revoked");
		return;
	case OCSP_UNKNOWN:
		bad(entry, "unknown");
		return;
	case OCSP_USELESS:
		failed(entry, "the answer does not verify, or is out of time");
		return;
	}
	UNREACHABLE();
}

static void on_timer(void *arg)
{
	static const char *const headers[] = { "Content-Type: application/ocsp-request", NULL };
	struct entry *entry = OBJ_CAST(struct entry, arg, ENTRY_KIND);
	const struct fetch_request request = {
		.url = entry->url,
		.method = "POST",
		.headers = headers,
		.body = buf_span(&entry->request),
		.timeout_ms = FETCH_TIMEOUT_MS,
		.max_body_bytes = OCSP_MAX_BYTES,
		.fresh_connection = true,
	};

	MUST(!entry->fetch);
	int r = fetch_start(entry->stapler->fetcher, &request, on_answer, entry, &entry->fetch);
	if (r < 0)
		failed(entry, err_text(r));
}

/* ---- what there is ---- */

static bool fingerprint_of(const X509 *leaf, uint8_t ret_hash[CRYPTO_HASH_BYTES])
{
	unsigned len = CRYPTO_HASH_BYTES;

	return X509_digest(leaf, EVP_sha256(), ret_hash, &len) == 1;
}

static int entry_new(struct stapler *stapler, X509 *leaf, X509 *issuer,
		     const uint8_t fingerprint[CRYPTO_HASH_BYTES], struct entry **ret_entry)
{
	struct entry *entry = OBJ_NEW(struct entry, ENTRY_KIND);

	if (!entry)
		return err_new(-ENOMEM);
	memcpy(entry->fingerprint, fingerprint, CRYPTO_HASH_BYTES);
	entry->stapler = stapler;
	X509_up_ref(leaf);
	X509_up_ref(issuer);
	entry->leaf = leaf;
	entry->issuer = issuer;
	buf_init(&entry->request, OCSP_MAX_BYTES);
	buf_init(&entry->response, OCSP_MAX_BYTES);
	loop_timer_init(&entry->timer, stapler->loop, on_timer, entry);
	int r = ocsp_ask(leaf, issuer, entry->url, &entry->request);
	if (r == OCSP_ASK &&
	    !TABLE_ADD(stapler->entries, span_of(entry->fingerprint, CRYPTO_HASH_BYTES), entry))
		r = err_new(-ENOMEM);
	if (r != OCSP_ASK) {
		entry_free(entry);
		return r < 0 ? err_pass(r) : r;
	}
	loop_timer_set(&entry->timer, loop_now(stapler->loop));
	*ret_entry = entry;
	return OCSP_ASK;
}

static int use_add(struct entry *entry, struct tls_context *tls, size_t index)
{
	MUST(entry);
	struct use *uses = realloc(entry->uses, (entry->n_uses + 1) * sizeof(*uses));
	if (!uses)
		return err_new(-ENOMEM);
	entry->uses = uses;
	uses[entry->n_uses++] = (struct use){ tls_ref(tls), index };
	if (entry->response.len)
		staple(entry, &uses[entry->n_uses - 1]);
	return 0;
}

static int certificate_set(struct stapler *stapler, struct tls_context *tls, size_t index)
{
	X509 *leaf = tls_server_leaf(tls, index), *issuer = tls_server_issuer(tls, index);
	uint8_t fingerprint[CRYPTO_HASH_BYTES];
	struct entry *entry;

	if (!issuer || !fingerprint_of(leaf, fingerprint))
		return 0;
	TABLE_FIND(stapler->entries, span_of(fingerprint, CRYPTO_HASH_BYTES), entry);
	if (!entry) {
		int r = entry_new(stapler, leaf, issuer, fingerprint, &entry);
		if (r != OCSP_ASK)
			return r < 0 ? err_pass(r) : 0;
	}
	return err_pass(use_add(entry, tls, index));
}

int stapler_set(struct stapler *stapler, struct tls_context *const *contexts, size_t n_contexts)
{
	struct entry *entry, *next;
	int r = 0;

	MUST(stapler->kind == STAPLER_KIND);
	TABLE_FOREACH (stapler->entries, entry, next)
		uses_forget(entry);
	for (size_t i = 0; i < n_contexts && r == 0; i++) {
		for (size_t k = 0; k < tls_server_count(contexts[i]) && r == 0; k++)
			r = certificate_set(stapler, contexts[i], k);
	}
	TABLE_FOREACH (stapler->entries, entry, next) {
		if (entry->n_uses)
			continue;
		TABLE_DELETE(stapler->entries, entry);
		entry_free(entry);
	}
	return err_pass(r);
}

int stapler_new(struct loop *loop, struct stapler **ret_stapler)
{
	struct stapler *stapler = OBJ_NEW(struct stapler, STAPLER_KIND);

	if (!stapler)
		return err_new(-ENOMEM);
	stapler->loop = loop;
	int r = fetcher_new(loop, &stapler->fetcher);
	if (r < 0) {
		OBJ_FREE(stapler);
		return err_pass(r);
	}
	*ret_stapler = stapler;
	return 0;
}

void stapler_free(struct stapler *stapler)
{
	if (!stapler)
		return;
	stapler_set(stapler, NULL, 0);
	fetcher_free(stapler->fetcher);
	OBJ_FREE(stapler);
}
