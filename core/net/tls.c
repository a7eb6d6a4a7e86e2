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

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/cursor.h"
#include "core/error.h"
#include "core/net/addr.h"
#include "core/net/crypto.h"
#include "core/net/tls_priv.h"
#include "core/obj.h"

static void context_on_free(void *parent, void *pointer, CRYPTO_EX_DATA *ad, int index, long argl,
			    void *argp)
{
	struct tls_context *tls = pointer;

	(void)parent, (void)ad, (void)index, (void)argl, (void)argp;
	if (!tls)
		return;
	for (size_t i = 0; i < tls->n_certificates; i++) {
		X509_free(tls->certificates[i].leaf);
		X509_free(tls->certificates[i].issuer);
		free(tls->certificates[i].staple);
	}
	tls_tickets_unref(tls->tickets);
	pthread_mutex_destroy(&tls->lock);
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

int tls_refuse(char *reterr, const char *file, const char *why, int r)
{
	snprintf(reterr, TLS_ERROR_TEXT, "%.160s: %.80s", file, why);
	return err_new(r);
}

int tls_refuse_ssl(char *reterr, const char *file, const char *what)
{
	char why[96];

	snprintf(why, sizeof(why), "%s: %.60s", what, tls_failure_text(NULL));
	return tls_refuse(reterr, file, why, -EINVAL);
}

int tls_file_need(const char *file, char *reterr)
{
	struct stat st;

	if (stat(file, &st) != 0 || access(file, R_OK) != 0) {
		int e = errno;
		return tls_refuse(reterr, file, err_text(-e), -e);
	}
	if (!S_ISREG(st.st_mode)) /* to open a FIFO may take for ever */
		return tls_refuse(reterr, file, "no regular file", -EINVAL);
	return 0;
}

/* A server must not stop and ask a terminal for the password of its key. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's type */
static int no_password(char *at, int size, int for_writing, void *arg)
{
	(void)at, (void)size, (void)for_writing, (void)arg;
	return -1;
}

/* ---- the key log --------------------------------------------------------------------------------
 */

/* Once open it stays: a thread may be about to write. */
static _Atomic int key_log_fd = -1;

int tls_key_log(const char *file)
{
	MUST(key_log_fd < 0);
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_new(-errno);
	key_log_fd = fd;
	return 0;
}

/* A line is one write, so the lines of several threads do not mix. */
static void on_key(const SSL *ssl, const char *line)
{
	char *text = NULL;
	int len = asprintf(&text, "%s\n", line);

	(void)ssl;
	if (len < 0)
		return;
	/* A log for debugging must not stop what it looks at. */
	ssize_t n = write(key_log_fd, text, (size_t)len);
	(void)n;
	crypto_wipe(text, (size_t)len);
	free(text);
}

static void context_tune(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	if (key_log_fd >= 0)
		SSL_CTX_set_keylog_callback(ctx, on_key);
}

int tls_context_new(const SSL_METHOD *method, struct span alpn, SSL_CTX **ret_ctx)
{
	CLEANUP(tls_ctx_drop) SSL_CTX *ctx = SSL_CTX_new(method);
	struct tls_context *tls = ctx ? calloc(1, sizeof(*tls) + alpn.len) : NULL;

	if (!tls)
		return err_new(-ENOMEM);
	tls->kind = TLS_KIND;
	tls->ctx = ctx;
	tls->alpn_len = alpn.len;
	pthread_mutex_init(&tls->lock, NULL);
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

struct tls_context *tls_context_of(const SSL_CTX *ctx)
{
	return OBJ_CAST(struct tls_context, SSL_CTX_get_ex_data(ctx, context_slot()), TLS_KIND);
}

int tls_certificate_load(SSL_CTX *ctx, const char *certificate_file, const char *key_file,
			 char *reterr)
{
	const char *key = key_file ? key_file : certificate_file;
	int r = tls_file_need(certificate_file, reterr);

	if (r == 0)
		r = tls_file_need(key, reterr);
	if (r < 0)
		return err_pass(r);
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate_file) != 1)
		return tls_refuse_ssl(reterr, certificate_file, "no certificate in PEM form");
	const X509 *leaf = SSL_CTX_get0_certificate(ctx);
	/* This compares the key with the certificate, too: with that of the same type. */
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
		return tls_refuse_ssl(reterr, key, "no private key of this certificate");
	if (SSL_CTX_check_private_key(ctx) != 1 || SSL_CTX_get0_certificate(ctx) != leaf)
		return tls_refuse_ssl(reterr, key, "not the key of this certificate");
	return 0;
}

int tls_client_new(const struct tls_client_conf *conf, struct tls_context **ret_tls, char *reterr)
{
	CLEANUP(tls_ctx_drop) SSL_CTX *ctx = NULL;
	const char *about = conf->ca_file ? conf->ca_file : "system's certificates";

	int r = tls_context_new(TLS_client_method(), SPAN_NONE, &ctx);
	if (r < 0)
		return tls_refuse(reterr, about, err_text(r), r);
	SSL_CTX_set_min_proto_version(ctx, conf->min_version ? conf->min_version : TLS1_2_VERSION);
	if (conf->max_version)
		SSL_CTX_set_max_proto_version(ctx, conf->max_version);
	tls_resume_allow(ctx);
	if (conf->alpn_len &&
	    SSL_CTX_set_alpn_protos(ctx, conf->alpn, (unsigned)conf->alpn_len) != 0)
		return tls_refuse(reterr, about, err_text(-ENOMEM), err_new(-ENOMEM));
	SSL_CTX_set_verify(ctx, conf->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (conf->ca_file) {
		r = tls_file_need(conf->ca_file, reterr);
		if (r < 0)
			return err_pass(r);
		if (SSL_CTX_load_verify_file(ctx, conf->ca_file) != 1)
			return tls_refuse_ssl(reterr, conf->ca_file, "no certificates in PEM form");
	} else if (!conf->insecure && SSL_CTX_set_default_verify_paths(ctx) != 1) {
		return tls_refuse_ssl(reterr, about, "not found");
	}
	if (conf->certificate_file) {
		r = tls_certificate_load(ctx, conf->certificate_file, conf->key_file, reterr);
		if (r < 0)
			return err_pass(r);
	}
	*ret_tls = tls_context_of(TAKE(ctx));
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
