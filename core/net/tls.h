/* SPDX-License-Identifier: Apache-2.0
 *
 * tls: OpenSSL contexts, as the rest of us sees them. One context per certificate set, shared by
 * all workers; what happens on a connection is in conn.h.
 */
#pragma once

#include "core/span.h"

struct tls_context; /* refcounted; any thread */

struct tls_server_conf {
	const char *certificate_file; /* PEM, leaf first */
	const char *key_file;         /* PEM */
	int min_version;              /* 0x0303, 0x0304 */
	int max_version;
	const char *ciphers; /* TLS 1.2 list; NULL: Mozilla's intermediate */
	const uint8_t *alpn; /* wire form, server's preference; NULL: none */
	size_t alpn_len;
};

/* `reterr` (256 bytes) says what was wrong with which file. Errors: -EINVAL, -ENOENT, -ENOMEM. */
int tls_server_new(const struct tls_server_conf *conf, struct tls_context **ret_tls, char *reterr);

struct tls_client_conf {
	const char *ca_file; /* NULL: the system's */
	bool insecure;       /* do not verify: the configuration key says so by name */
	const uint8_t *alpn; /* wire form, our preference; NULL: none */
	size_t alpn_len;
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
/* The names of the certificate (DNS SANs, else CN), lower case: fn is called with each. */
void tls_server_names(const struct tls_context *tls, void (*fn)(struct span name, void *arg),
		      void *arg);
