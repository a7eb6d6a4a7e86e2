/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_server: what a server's context is made of: certificates, ciphers, tickets, demands on
 * clients, and the choice of another context by SNI.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "core/buf.h"
#include "core/cursor.h"
#include "core/error.h"
#include "core/net/crypto.h"
#include "core/net/tls_priv.h"

enum {
	TLS_CACHED_SESSIONS = 20000,
	TLS_SESSION_TIMEOUT_S = 7200,
	READ_BYTES = 4096,
	MAX_POLICY_BYTES = 64 << 20, /* lists of revoked certificates can be long */
};

/* Mozilla's intermediate list, version 5.7: forward secrecy and AEAD alone. */
static const char intermediate_ciphers[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
	"DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";

/* AES-128 is the cheapest where there is hardware for it. A client without puts ChaCha20 first, and
 * gets it: that is what the others leave the order to the client for. */
static const char usual_suites[] =
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* RFC 7301 3.2: no common protocol is a fatal no_application_protocol. The context is looked up
 * from the connection: SNI may have changed it. */
static int alpn_choose(SSL *ssl, const uint8_t **ret_out, uint8_t *ret_len, const uint8_t *in,
		       unsigned in_len, void *arg)
{
	const struct tls_context *tls = tls_context_of(SSL_get_SSL_CTX(ssl));
	uint8_t *out = NULL;

	(void)arg;
	if (SSL_select_next_proto(&out, ret_len, tls->alpn, (unsigned)tls->alpn_len, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret_out = out;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- tickets -----------------------------------------------------------------------------------
 */

static int cipher_begin(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, const struct tls_ticket_key *key,
			const uint8_t *iv, int seal)
{
	char digest[] = "SHA256";
	union {
		const uint8_t *in;
		uint8_t *out; /* it is only read */
	} secret = { .in = key->hmac };
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret.out,
						  sizeof(key->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, seal) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* OpenSSL's contract: 0: no such key, -1: it failed, 1: go on, 2: go on, and give a new ticket. */
static int on_ticket(SSL *ssl, uint8_t *name, uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
		     int seal)
{
	const struct tls_context *tls = tls_context_of(SSL_get_SSL_CTX(ssl));
	struct tls_ticket_key key;
	bool old = false;

	if (!tls->tickets || !tls_tickets_find(tls->tickets, seal ? NULL : name, &key, &old))
		return 0;
	if (seal) {
		memcpy(name, key.name, sizeof(key.name));
		if (crypto_random(iv, EVP_MAX_IV_LENGTH) < 0)
			return -1;
	}
	int done = cipher_begin(cipher, mac, &key, iv, seal);
	crypto_wipe(&key, sizeof(key));
	if (!done)
		return -1;
	/* Clients of TLS 1.3 use a ticket once: each resumption brings the next. */
	return old || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}

static void file_add(struct buf *text, const char *file)
{
	BIO *bio = file ? BIO_new_file(file, "r") : NULL;
	uint8_t *room;
	int n;

	buf_add_byte(text, '|');
	while (bio && (room = buf_room(text, READ_BYTES)) &&
	       (n = BIO_read(bio, room, READ_BYTES)) > 0)
		buf_grew(text, (size_t)n);
	BIO_free(bio);
}

static void policy_add_name(struct span name, void *arg)
{
	struct buf *text = arg;

	buf_add_byte(text, '|');
	buf_add(text, name);
}

/* Resumption never crosses a boundary: OpenSSL compares this of the session and the context. A
 * session is not verified again, so what it was verified by belongs to it. */
static int policy_set(const struct tls_context *tls, const struct tls_server_conf *conf)
{
	uint8_t digest[CRYPTO_HASH_BYTES];
	struct buf text;

	buf_init(&text, MAX_POLICY_BYTES);
	buf_printf(&text, "%s|%d|%d", conf->policy ? conf->policy : "", conf->client_required,
		   conf->client_depth);
	file_add(&text, conf->client_ca_file);
	file_add(&text, conf->client_crl_file);
	tls_server_names(tls, policy_add_name, &text);
	int r = text.failed ? err_new(-ENOMEM) : crypto_sha256(buf_span(&text), digest);
	buf_fini(&text);
	if (r == 0 && SSL_CTX_set_session_id_context(tls->ctx, digest, sizeof(digest)) != 1)
		r = err_new(-EIO);
	return err_pass(r);
}

static void sessions_set(SSL_CTX *ctx, const struct tls_server_conf *conf)
{
	struct tls_context *tls = tls_context_of(ctx);
	int64_t timeout_s =
		conf->session_timeout_s ? conf->session_timeout_s : TLS_SESSION_TIMEOUT_S;

	/* The cache is for clients of TLS 1.2 that take no tickets. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_AUTO_CLEAR);
	SSL_CTX_sess_set_cache_size(ctx, TLS_CACHED_SESSIONS);
	SSL_CTX_set_timeout(ctx, timeout_s);
	/* One a full handshake; OpenSSL's two cost us the second's sealing. */
	SSL_CTX_set_num_tickets(ctx, 1);
	if (!conf->tickets)
		return;
	tls->tickets = tls_tickets_ref(conf->tickets);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}

/* ---- what is asked of clients ------------------------------------------------------------------
 */

static int crl_load(SSL_CTX *ctx, const char *file, char *reterr)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	int r = tls_file_need(file, reterr);

	if (r < 0)
		return err_pass(r);
	if (!lookup || X509_load_crl_file(lookup, file, X509_FILETYPE_PEM) < 1)
		return tls_refuse_ssl(reterr, file, "no revocation list in PEM form");
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	return 0;
}

static int client_set(SSL_CTX *ctx, const struct tls_server_conf *conf, char *reterr)
{
	int mode = SSL_VERIFY_PEER | (conf->client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);

	if (!conf->client_ca_file)
		return 0;
	int r = tls_file_need(conf->client_ca_file, reterr);
	if (r < 0)
		return err_pass(r);
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(conf->client_ca_file);
	if (!names || SSL_CTX_load_verify_file(ctx, conf->client_ca_file) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return tls_refuse_ssl(reterr, conf->client_ca_file, "no certificates in PEM form");
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_verify(ctx, mode, NULL);
	if (conf->client_depth)
		SSL_CTX_set_verify_depth(ctx, conf->client_depth);
	return conf->client_crl_file ? err_pass(crl_load(ctx, conf->client_crl_file, reterr)) : 0;
}

/* ---- stapling ----------------------------------------------------------------------------------
 */

/* A copy for OpenSSL to free; NULL: there is none that still holds. */
static uint8_t *staple_copy(struct tls_context *tls, struct tls_certificate *certificate,
			    size_t *ret_len)
{
	uint8_t *copy = NULL;

	pthread_mutex_lock(&tls->lock);
	if (certificate->staple && time(NULL) < certificate->staple_until_s) {
		copy = OPENSSL_memdup(certificate->staple, certificate->staple_len);
		*ret_len = certificate->staple_len;
	}
	pthread_mutex_unlock(&tls->lock);
	return copy;
}

/* The client asked. By now it is decided which certificate it gets. */
static int on_status(SSL *ssl, void *arg)
{
	struct tls_context *tls = tls_context_of(SSL_get_SSL_CTX(ssl));
	const X509 *leaf = SSL_get_certificate(ssl);
	size_t len = 0;

	(void)arg;
	for (size_t i = 0; i < tls->n_certificates; i++) {
		if (tls->certificates[i].leaf != leaf)
			continue;
		uint8_t *response = staple_copy(tls, &tls->certificates[i], &len);
		if (!response)
			break;
		SSL_set_tlsext_status_ocsp_resp(ssl, response, (long)len);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* ---- contexts ----------------------------------------------------------------------------------
 */

/* OpenSSL takes "NULL" and "aNULL" for an answer, and what its level forbids drops out later, in
 * each handshake. */
static bool has_weak_cipher(const SSL_CTX *ctx)
{
	const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);

	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
		if (SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null ||
		    SSL_CIPHER_get_cipher_nid(cipher) == NID_undef)
			return true;
	}
	return false;
}

static int ciphers_set(SSL_CTX *ctx, const struct tls_server_conf *conf, char *reterr)
{
	const char *ciphers = conf->ciphers ? conf->ciphers : intermediate_ciphers;
	const char *suites = conf->cipher_suites ? conf->cipher_suites : usual_suites;
	const char *groups = conf->groups ? conf->groups : "X25519:P-256:P-384";
	char list[256];

	if (SSL_CTX_set_min_proto_version(ctx, conf->min_version) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, conf->max_version) != 1)
		return tls_refuse(reterr, conf->certificate_file, "no such TLS version", -EINVAL);
	if (SSL_CTX_set_cipher_list(ctx, ciphers) != 1) {
		ERR_clear_error();
		return tls_refuse(reterr, ciphers, "no usable cipher in this list", -EINVAL);
	}
	if (has_weak_cipher(ctx))
		return tls_refuse(reterr, ciphers,
				  "has a cipher without encryption or authentication", -EINVAL);
	if (SSL_CTX_set_ciphersuites(ctx, suites) != 1) {
		ERR_clear_error();
		return tls_refuse(reterr, suites, "not cipher suites of TLS 1.3", -EINVAL);
	}
	snprintf(list, sizeof(list), "%s", groups); /* OpenSSL's macro wants it writable */
	if (SSL_CTX_set1_groups_list(ctx, list) != 1) {
		ERR_clear_error();
		return tls_refuse(reterr, groups, "not a list of groups", -EINVAL);
	}
	return 0;
}

/* That we know the name is said in the session (of TLS 1.2), too, so that who resumes it is known
 * to have asked for it. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type */
static int on_server_name(SSL *ssl, int *ret_alert, void *arg)
{
	(void)ret_alert, (void)arg;
	return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) ? SSL_TLSEXT_ERR_OK
								  : SSL_TLSEXT_ERR_NOACK;
}

static int server_set(SSL_CTX *ctx, const struct tls_server_conf *conf, char *reterr)
{
	int r = ciphers_set(ctx, conf, reterr);

	if (r < 0)
		return err_pass(r);
	sessions_set(ctx, conf);
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	/* DHE with a group of the key's strength; ECDHE comes before it. */
	SSL_CTX_set_dh_auto(ctx, 1);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_tlsext_status_cb(ctx, on_status);
	if (conf->alpn_len)
		SSL_CTX_set_alpn_select_cb(ctx, alpn_choose, NULL);
	return err_pass(client_set(ctx, conf, reterr));
}

/* In the chain that came with it. */
static X509 *issuer_find(SSL_CTX *ctx, X509 *leaf)
{
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(ctx, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *candidate = sk_X509_value(chain, i);
		if (X509_check_issued(candidate, leaf) == X509_V_OK)
			return candidate;
	}
	return NULL;
}

static int certificate_add(struct tls_context *tls, const char *certificate_file,
			   const char *key_file, char *reterr)
{
	if (tls->n_certificates == TLS_MAX_CERTIFICATES)
		return tls_refuse(reterr, certificate_file, "one certificate too many", -EINVAL);
	int r = tls_certificate_load(tls->ctx, certificate_file, key_file, reterr);
	if (r < 0)
		return err_pass(r);
	X509 *leaf = SSL_CTX_get0_certificate(tls->ctx);
	X509 *issuer = issuer_find(tls->ctx, leaf);
	X509_up_ref(leaf);
	if (issuer)
		X509_up_ref(issuer);
	tls->certificates[tls->n_certificates++] =
		(struct tls_certificate){ .leaf = leaf, .issuer = issuer };
	return 0;
}

int tls_server_new(const struct tls_server_conf *conf, struct tls_context **ret_tls, char *reterr)
{
	CLEANUP(tls_ctx_drop) SSL_CTX *ctx = NULL;

	int r = tls_context_new(TLS_server_method(), span_of(conf->alpn, conf->alpn_len), &ctx);
	if (r < 0)
		return tls_refuse(reterr, conf->certificate_file, err_text(r), r);
	struct tls_context *tls = tls_context_of(ctx);
	tls->is_server = true;
	r = server_set(ctx, conf, reterr);
	if (r == 0)
		r = certificate_add(tls, conf->certificate_file, conf->key_file, reterr);
	if (r < 0)
		return err_pass(r);
	r = policy_set(tls, conf);
	if (r < 0)
		return tls_refuse(reterr, conf->certificate_file, err_text(r), r);
	*ret_tls = tls_context_of(TAKE(ctx));
	return 0;
}

int tls_server_add(struct tls_context *tls, const char *certificate_file, const char *key_file,
		   char *reterr)
{
	MUST(tls->kind == TLS_KIND && tls->is_server);
	int r = certificate_add(tls, certificate_file, key_file, reterr);
	return r < 0 ? err_pass(r) : 0;
}

enum tls_key_type tls_server_key_type(const struct tls_context *tls)
{
	switch (EVP_PKEY_get_base_id(X509_get0_pubkey(tls_server_leaf(tls, 0)))) {
	case EVP_PKEY_RSA:
		return TLS_KEY_RSA;
	case EVP_PKEY_EC:
		return TLS_KEY_EC;
	default:
		return TLS_KEY_OTHER;
	}
}

size_t tls_server_count(const struct tls_context *tls)
{
	return tls->n_certificates;
}

X509 *tls_server_leaf(const struct tls_context *tls, size_t i)
{
	MUST(i < tls->n_certificates);
	return tls->certificates[i].leaf;
}

X509 *tls_server_issuer(const struct tls_context *tls, size_t i)
{
	MUST(i < tls->n_certificates);
	return tls->certificates[i].issuer;
}

int tls_server_staple(struct tls_context *tls, size_t i, struct span response, int64_t until_s)
{
	MUST(i < tls->n_certificates);
	struct tls_certificate *certificate = &tls->certificates[i];
	uint8_t *copy = malloc(response.len);
	if (!copy)
		return err_new(-ENOMEM);
	memcpy(copy, response.at, response.len);
	pthread_mutex_lock(&tls->lock);
	free(certificate->staple);
	certificate->staple = copy;
	certificate->staple_len = response.len;
	certificate->staple_until_s = until_s;
	pthread_mutex_unlock(&tls->lock);
	return 0;
}

bool tls_server_covers(const struct tls_context *tls, const char *host)
{
	X509 *certificate = tls_server_leaf(tls, 0);

	MUST(tls->kind == TLS_KIND && tls->is_server);
	return X509_check_host(certificate, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) ==
		       1 ||
	       X509_check_ip_asc(certificate, host, 0) == 1;
}

/* ---- SNI ---------------------------------------------------------------------------------------
 */

/* Into `name`, lower case, from a ClientHello's server_name extension (RFC 6066 3). False when it
 * is malformed. An absent one is an empty name. */
static bool sni_read(SSL *ssl, uint8_t name[TLS_NAME_MAX], size_t *ret_len)
{
	const uint8_t *at;
	size_t len;

	*ret_len = 0;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &at, &len) != 1)
		return true;
	struct cursor c = cursor_over(span_of(at, len));
	uint16_t list_len = cursor_u16(&c);
	bool whole = list_len == c.rest.len;
	uint8_t type = cursor_u8(&c);
	uint16_t name_len = cursor_u16(&c);
	struct span text = cursor_bytes(&c, name_len);
	if (c.failed || !whole || type != TLSEXT_NAMETYPE_host_name || name_len == 0 ||
	    name_len > TLS_NAME_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++)
		name[i] = (uint8_t)tolower(text.at[i]);
	*ret_len = text.len;
	return true;
}

/* SSL_set_SSL_CTX() changes certificates, ALPN and ciphers, but a connection keeps its own copy of
 * the versions. */
static bool context_change(SSL *ssl, const struct tls_context *to)
{
	return SSL_set_SSL_CTX(ssl, to->ctx) == to->ctx &&
	       SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(to->ctx)) == 1 &&
	       SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(to->ctx)) == 1;
}

/* Before OpenSSL chooses version and session, so that the other context rules both. */
static int on_client_hello(SSL *ssl, int *ret_alert, void *arg)
{
	struct tls_context *tls = OBJ_CAST(struct tls_context, arg, TLS_KIND);
	uint8_t name[TLS_NAME_MAX];
	size_t len;

	if (!sni_read(ssl, name, &len)) {
		*ret_alert = SSL_AD_DECODE_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	struct tls_context *to = tls->sni(span_of(name, len), tls->sni_arg);
	if (!to) {
		*ret_alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (to != tls && !context_change(ssl, to)) {
		*ret_alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

void tls_server_set_sni(struct tls_context *tls, tls_sni_fn fn, void *arg)
{
	MUST(tls->kind == TLS_KIND && tls->is_server);
	tls->sni = fn;
	tls->sni_arg = arg;
	SSL_CTX_set_client_hello_cb(tls->ctx, fn ? on_client_hello : NULL, tls);
}

static void name_give(struct span text, void (*fn)(struct span name, void *arg), void *arg)
{
	uint8_t name[TLS_NAME_MAX];

	if (text.len == 0 || text.len > sizeof(name) || span_find(text, 0) < text.len)
		return;
	for (size_t i = 0; i < text.len; i++)
		name[i] = (uint8_t)tolower(text.at[i]);
	fn(span_of(name, text.len), arg);
}

static struct span asn1_span(const ASN1_STRING *string)
{
	return span_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

void tls_server_names(const struct tls_context *tls, void (*fn)(struct span name, void *arg),
		      void *arg)
{
	X509 *certificate = tls_server_leaf(tls, 0);
	bool any = false;

	MUST(tls->kind == TLS_KIND && tls->is_server);
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS)
			continue;
		any = true;
		name_give(asn1_span(name->d.dNSName), fn, arg);
	}
	GENERAL_NAMES_free(names);
	if (any)
		return;
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at >= 0)
		name_give(asn1_span(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))), fn,
			  arg);
}
