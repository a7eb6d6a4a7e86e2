/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_priv: what tls_pipe needs of a context beyond tls.h.
 */
#pragma once

#include <openssl/ssl.h>
#include <pthread.h>

#include "core/net/tls.h"
#include "core/net/tls_peer.h"
#include "core/net/tls_resume.h"
#include "core/obj.h"

#define TLS_KIND OBJ_KIND('t', 'l', 's', 'c')

enum { TLS_ERROR_TEXT = 256, TLS_NAME_MAX = 255 };

/* One of a server's certificates. */
struct tls_certificate {
	X509 *leaf;   /* a reference */
	X509 *issuer; /* a reference; NULL: the file does not have it */
	/* What an authority said of it; under tls_context.lock. */
	uint8_t *staple; /* owned; NULL: nothing */
	size_t staple_len;
	int64_t staple_until_s;
};

struct tls_context {
	uint32_t kind;
	SSL_CTX *ctx; /* holds us, not the other way round */
	bool is_server;
	tls_sni_fn sni;
	void *sni_arg;
	struct tls_tickets *tickets; /* a reference; NULL: OpenSSL's own keys */
	struct tls_certificate certificates[TLS_MAX_CERTIFICATES];
	size_t n_certificates;
	pthread_mutex_t lock;
	size_t alpn_len;
	uint8_t alpn[];
};

/* Makes the pair of SSL_CTX and tls_context; from here on SSL_CTX_free() ends both. */
int tls_context_new(const SSL_METHOD *method, struct span alpn, SSL_CTX **ret_ctx);
struct tls_context *tls_context_of(const SSL_CTX *ctx);
/* The certificate and its key into the context. */
int tls_certificate_load(SSL_CTX *ctx, const char *certificate_file, const char *key_file,
			 char *reterr);
/* Sets reterr to "FILE: why" and returns r. */
int tls_refuse(char *reterr, const char *file, const char *why, int r);
int tls_refuse_ssl(char *reterr, const char *file, const char *what); /* -EINVAL */
int tls_file_need(const char *file, char *reterr); /* one that can be read, at once */
static inline void tls_ctx_drop(SSL_CTX **ctx)
{
	SSL_CTX_free(*ctx);
}

/* A connection's state, ready for its handshake; the role is the context's. `server_name` (client
 * contexts) is sent as SNI unless it is an IP address, and is verified. NULL: out of memory. */
SSL *tls_ssl_new(struct tls_context *tls, const char *server_name);
/* As conn_peer(). */
bool tls_peer_read(const SSL *ssl, struct arena *arena, struct tls_peer *ret_peer);
/* conn_covers() in two steps, the first cheap: is it what SNI asked for? If not, look. */
bool tls_ssl_asked(const SSL *ssl, struct span host);
bool tls_ssl_covers(const SSL *ssl, struct span host);
/* Sessions of this client's context go to the tls_resume of their connection. */
void tls_resume_allow(SSL_CTX *ctx);
/* `resume` must live as long as `ssl`. Before the handshake. */
void tls_resume_use(struct tls_resume *resume, SSL *ssl);
/* Why the last operation failed, from OpenSSL's queue, which is emptied. Static text. */
const char *tls_failure_text(const SSL *ssl);
