/* SPDX-License-Identifier: Apache-2.0
 *
 * tls: OpenSSL contexts, as the rest of us sees them. One context per certificate set, shared by
 * all workers; what happens on a connection is in conn.h.
 */
#pragma once

#include "core/arena.h"
#include "core/net/tls_tickets.h"

struct tls_context; /* refcounted; any thread */

struct tls_server_conf {
	const char *certificate_file; /* PEM, leaf first */
	const char *key_file;         /* PEM; NULL: it stands in certificate_file */
	int min_version;              /* 0x0303, 0x0304 */
	int max_version;
	const char *ciphers;       /* TLS 1.2 list; NULL: Mozilla's intermediate */
	const char *cipher_suites; /* TLS 1.3 list; NULL: AES-128-GCM first */
	const char *groups;        /* of key exchange; NULL: X25519:P-256:P-384 */
	const uint8_t *alpn;       /* wire form, server's preference; NULL: none */
	size_t alpn_len;
	struct tls_tickets
		*tickets; /* NULL: each context has keys of its own; a reference is taken */
	int64_t session_timeout_s; /* 0: two hours */
	/* Who may resume what: contexts of the same policy (a listener's name), the same demands on
	 * client certificates (also by what the files hold) and certificates for the same names.
	 * NULL: any listener. */
	const char *policy;
	const char *client_ca_file;  /* PEM; NULL: no certificate is asked of clients */
	bool client_required;        /* without one there is no handshake */
	const char *client_crl_file; /* PEM; NULL: none */
	int client_depth;            /* of the chain; 0: OpenSSL's */
};

/* `reterr` (256 bytes) says what was wrong with which file. Errors: -EINVAL, -ENOENT, -ENOMEM. */
int tls_server_new(const struct tls_server_conf *conf, struct tls_context **ret_tls, char *reterr);
enum { TLS_MAX_CERTIFICATES = 3 };
/* One more certificate with another type of key, for the same names: the client's abilities decide
 * which it gets. Before the context is used. */
int tls_server_add(struct tls_context *tls, const char *certificate_file, const char *key_file,
		   char *reterr);
enum tls_key_type { TLS_KEY_RSA, TLS_KEY_EC, TLS_KEY_OTHER };
enum tls_key_type tls_server_key_type(const struct tls_context *tls); /* of the first certificate */

struct tls_client_conf {
	const char *ca_file; /* NULL: the system's */
	bool insecure;       /* do not verify: the configuration key says so by name */
	const uint8_t *alpn; /* wire form, our preference; NULL: none */
	size_t alpn_len;
	const char *certificate_file; /* ours, if the server asks; NULL: none */
	const char *key_file;         /* NULL: it stands in certificate_file */
	int min_version;              /* 0: TLS 1.2 */
	int max_version;              /* 0: the newest */
};
int tls_client_new(const struct tls_client_conf *conf, struct tls_context **ret_tls, char *reterr);

struct tls_context *tls_ref(struct tls_context *tls);
void tls_unref(struct tls_context *tls); /* NULL is fine */

/* Chooses another context by SNI, on the connection's thread, during the ClientHello. `name` is
 * lower case, empty when there was none. Returns a borrowed context, or NULL to refuse
 * (unrecognized_name). Set on the context that a listener uses; arg must outlive all its
 * connections. */
typedef struct tls_context *(*tls_sni_fn)(struct span name, void *arg);
void tls_server_set_sni(struct tls_context *tls, tls_sni_fn fn, void *arg);
/* Its certificates, in the order of their adding. Borrowed; the issuer is NULL when the file of the
 * certificate does not have it. */
size_t tls_server_count(const struct tls_context *tls);
struct x509_st *tls_server_leaf(const struct tls_context *tls, size_t i);
struct x509_st *tls_server_issuer(const struct tls_context *tls, size_t i);
/* What to tell clients who ask what the authority says of this certificate (RFC 6066 8), until that
 * time. Copied. Any thread. Errors: -ENOMEM (what was there stays). */
int tls_server_staple(struct tls_context *tls, size_t i, struct span response, int64_t until_s);
/* Does the first certificate hold this name, by itself or by a wildcard, or this IP address? */
bool tls_server_covers(const struct tls_context *tls, const char *host);
/* Keys of all connections made from now on are written here, for a debugger of traffic
 * (SSLKEYLOGFILE): whoever reads the file reads the traffic. Once, before any context is made, for
 * the life of the process. Errors: those of open(). */
int tls_key_log(const char *file);
/* The names of the certificate (DNS SANs, else CN), lower case: fn is called with each. */
void tls_server_names(const struct tls_context *tls, void (*fn)(struct span name, void *arg),
		      void *arg);
