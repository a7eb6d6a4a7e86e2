/* SPDX-License-Identifier: Apache-2.0
 *
 * tls: contexts made from files, with settings that need no second thought.
 *
 * A tls_context lives and dies with its SSL_CTX: it hangs on it as extra data and OpenSSL's count
 * is the only count. So a connection whose context was replaced by a reload still finds its ALPN
 * list and SNI function in the middle of a handshake.
 */
#include "core/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>

#include "core/cursor.h"
#include "core/error.h"
#include "core/net/addr.h"
#include "core/net/tls_priv.h"
#include "core/obj.h"

#define TLS_KIND OBJ_KIND('t', 'l', 's', 'c')

enum { TLS_ERROR_TEXT = 256, TLS_NAME_MAX = 255, TLS_CACHED_SESSIONS = 4096 };

struct tls_context {
	uint32_t kind;
	SSL_CTX *ctx; /* holds us, not the other way round */
	bool is_server;
	tls_sni_fn sni;
	void *sni_arg;
	size_t alpn_len;
	uint8_t alpn[];
};

/* Mozilla's intermediate list, version 5.7: forward secrecy and AEAD alone. */
static const char intermediate_ciphers[] =
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
	"DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305";

static void context_on_free(void *parent, void *pointer, CRYPTO_EX_DATA *ad, int index, long argl,
			    void *argp)
{
	struct tls_context *tls = pointer;

	(void)parent, (void)ad, (void)index, (void)argl, (void)argp;
	if (tls)
		OBJ_FREE(tls);
}

static int context_index;

static void context_index_make(void)
{
	context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, context_on_free);
}

static int context_slot(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, context_index_make);
	return context_index;
}

const char *tls_failure_text(const SSL *ssl)
{
	const char *text = NULL;
	unsigned long e = ERR_peek_error();

	if (ssl && ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		text = X509_verify_cert_error_string(SSL_get_verify_result(ssl));
	else if (ERR_SYSTEM_ERROR(e))
		text = strerrordesc_np(ERR_GET_REASON(e));
	else if (e)
		text = ERR_reason_error_string(e);
	ERR_clear_error();
	return text ? text : "TLS failed";
}

/* Sets reterr to "FILE: why" and returns r. */
static int refuse(char *reterr, const char *file, const char *why, int r)
{
	snprintf(reterr, TLS_ERROR_TEXT, "%.160s: %.80s", file, why);
	return err_new(r);
}

static int refuse_ssl(char *reterr, const char *file, const char *what)
{
	char why[96];

	snprintf(why, sizeof(why), "%s: %.60s", what, tls_failure_text(NULL));
	return refuse(reterr, file, why, -EINVAL);
}

static int file_need(const char *file, char *reterr)
{
	if (access(file, R_OK) == 0)
		return 0;
	int e = errno;
	return refuse(reterr, file, err_text(-e), -e);
}

/* A server must not stop and ask a terminal for the password of its key. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type */
static int no_password(char *at, int size, int for_writing, void *arg)
{
	(void)at, (void)size, (void)for_writing, (void)arg;
	return -1;
}

static void ctx_drop(SSL_CTX **ctx)
{
	SSL_CTX_free(*ctx);
}

static void context_tune(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
}

/* Makes the pair of SSL_CTX and tls_context; from here on SSL_CTX_free() ends both. */
static int context_new(const SSL_METHOD *method, struct span alpn, SSL_CTX **ret_ctx)
{
	CLEANUP(ctx_drop) SSL_CTX *ctx = SSL_CTX_new(method);
	struct tls_context *tls = ctx ? calloc(1, sizeof(*tls) + alpn.len) : NULL;

	if (!tls)
		return err_new(-ENOMEM);
	tls->kind = TLS_KIND;
	tls->ctx = ctx;
	tls->alpn_len = alpn.len;
	if (alpn.len)
		memcpy(tls->alpn, alpn.at, alpn.len);
	if (SSL_CTX_set_ex_data(ctx, context_slot(), tls) != 1) {
		OBJ_FREE(tls);
		return err_new(-ENOMEM);
	}
	context_tune(ctx);
	*ret_ctx = TAKE(ctx);
	return 0;
}

static struct tls_context *context_of(const SSL_CTX *ctx)
{
	return OBJ_CAST(struct tls_context, SSL_CTX_get_ex_data(ctx, context_slot()), TLS_KIND);
}

/* RFC 7301 3.2: no common protocol is a fatal no_application_protocol. The context is looked up
 * from the connection: SNI may have changed it. */
static int alpn_choose(SSL *ssl, const uint8_t **ret_out, uint8_t *ret_len, const uint8_t *in,
		       unsigned in_len, void *arg)
{
	const struct tls_context *tls = context_of(SSL_get_SSL_CTX(ssl));
	uint8_t *out = NULL;

	(void)arg;
	if (SSL_select_next_proto(&out, ret_len, tls->alpn, (unsigned)tls->alpn_len, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*ret_out = out;
	return SSL_TLSEXT_ERR_OK;
}

static int certificate_load(SSL_CTX *ctx, const struct tls_server_conf *conf, char *reterr)
{
	int r = file_need(conf->certificate_file, reterr);
	if (r == 0)
		r = file_need(conf->key_file, reterr);
	if (r < 0)
		return err_pass(r);

	if (SSL_CTX_use_certificate_chain_file(ctx, conf->certificate_file) != 1)
		return refuse_ssl(reterr, conf->certificate_file, "no certificate in PEM form");
	/* This compares the key with the certificate, too. */
	if (SSL_CTX_use_PrivateKey_file(ctx, conf->key_file, SSL_FILETYPE_PEM) != 1)
		return refuse_ssl(reterr, conf->key_file, "no private key of this certificate");
	if (SSL_CTX_check_private_key(ctx) != 1)
		return refuse_ssl(reterr, conf->key_file, "not the key of this certificate");
	return 0;
}

static int server_set(SSL_CTX *ctx, const struct tls_server_conf *conf, char *reterr)
{
	static const uint8_t id_context[] = "meridian";
	const char *ciphers = conf->ciphers ? conf->ciphers : intermediate_ciphers;

	if (SSL_CTX_set_min_proto_version(ctx, conf->min_version) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, conf->max_version) != 1)
		return refuse(reterr, conf->certificate_file, "no such TLS version", -EINVAL);
	if (SSL_CTX_set_cipher_list(ctx, ciphers) != 1) {
		ERR_clear_error();
		return refuse(reterr, ciphers, "no usable cipher in this list", -EINVAL);
	}
	SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
	SSL_CTX_sess_set_cache_size(ctx, TLS_CACHED_SESSIONS);
	SSL_CTX_set_session_id_context(ctx, id_context, sizeof(id_context) - 1);
	/* One ticket a handshake: each resumption brings the next. */
	SSL_CTX_set_num_tickets(ctx, 1);
	if (conf->alpn_len)
		SSL_CTX_set_alpn_select_cb(ctx, alpn_choose, NULL);
	return 0;
}

int tls_server_new(const struct tls_server_conf *conf, struct tls_context **ret_tls, char *reterr)
{
	CLEANUP(ctx_drop) SSL_CTX *ctx = NULL;

	int r = context_new(TLS_server_method(), span_of(conf->alpn, conf->alpn_len), &ctx);
	if (r < 0)
		return refuse(reterr, conf->certificate_file, err_text(r), r);
	r = server_set(ctx, conf, reterr);
	if (r == 0)
		r = certificate_load(ctx, conf, reterr);
	if (r < 0)
		return err_pass(r);
	struct tls_context *tls = context_of(TAKE(ctx));
	tls->is_server = true;
	*ret_tls = tls;
	return 0;
}

int tls_client_new(const struct tls_client_conf *conf, struct tls_context **ret_tls, char *reterr)
{
	CLEANUP(ctx_drop) SSL_CTX *ctx = NULL;
	const char *about = conf->ca_file ? conf->ca_file : "system's certificates";

	int r = context_new(TLS_client_method(), SPAN_NONE, &ctx);
	if (r < 0)
		return refuse(reterr, about, err_text(r), r);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (conf->alpn_len &&
	    SSL_CTX_set_alpn_protos(ctx, conf->alpn, (unsigned)conf->alpn_len) != 0)
		return refuse(reterr, about, err_text(-ENOMEM), err_new(-ENOMEM));
	SSL_CTX_set_verify(ctx, conf->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (conf->ca_file) {
		r = file_need(conf->ca_file, reterr);
		if (r < 0)
			return err_pass(r);
		if (SSL_CTX_load_verify_file(ctx, conf->ca_file) != 1)
			return refuse_ssl(reterr, conf->ca_file, "no certificates in PEM form");
	} else if (!conf->insecure && SSL_CTX_set_default_verify_paths(ctx) != 1) {
		return refuse_ssl(reterr, about, "not found");
	}
	*ret_tls = context_of(TAKE(ctx));
	return 0;
}

struct tls_context *tls_ref(struct tls_context *tls)
{
	MUST(tls->kind == TLS_KIND && SSL_CTX_up_ref(tls->ctx) == 1);
	return tls;
}

void tls_unref(struct tls_context *tls)
{
	if (!tls)
		return;
	MUST(tls->kind == TLS_KIND);
	SSL_CTX_free(tls->ctx);
}

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
	X509 *certificate = SSL_CTX_get0_certificate(tls->ctx);
	bool any = false;

	MUST(tls->kind == TLS_KIND && tls->is_server && certificate);
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

static bool ssl_expect(SSL *ssl, const char *server_name)
{
	struct addr ip;

	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (addr_parse_ip(span_str(server_name), &ip)) {
		struct span bytes = addr_ip(&ip);
		return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), bytes.at, bytes.len) == 1;
	}
	char *sni = strdup(server_name); /* OpenSSL's macro wants it writable, and copies it */
	bool done = sni && SSL_set1_host(ssl, server_name) == 1 &&
		    SSL_set_tlsext_host_name(ssl, sni) == 1;
	free(sni);
	return done;
}

SSL *tls_ssl_new(struct tls_context *tls, const char *server_name)
{
	MUST(tls->kind == TLS_KIND);
	SSL *ssl = SSL_new(tls->ctx);
	if (!ssl)
		return NULL;
	if (tls->is_server) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_set_connect_state(ssl);
	MUST(server_name);
	if (!ssl_expect(ssl, server_name)) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}
