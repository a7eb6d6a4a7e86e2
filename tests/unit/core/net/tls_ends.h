/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_ends: a handshake in memory.
 */
#pragma once

#include "core/net/tls_priv.h"
#include "tests/unit/core/net/net_test.h"

/* Two ends joined by memory. */
struct ends {
	SSL *server, *client;
	bool done;
	const char *server_error, *client_error;
};

static inline void ends_open(struct ends *ends, struct tls_context *server,
			     struct tls_context *client, const char *name)
{
	BIO *a, *b;

	*ends = (struct ends){ .server = tls_ssl_new(server, NULL),
			       .client = tls_ssl_new(client, name) };
	assert_non_null(ends->server);
	assert_non_null(ends->client);
	assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
	SSL_set_bio(ends->server, a, a);
	SSL_set_bio(ends->client, b, b);
}

static inline bool end_step(SSL *ssl, const char **ret_error)
{
	int r = SSL_do_handshake(ssl);

	if (r != 1 && SSL_get_error(ssl, r) != SSL_ERROR_WANT_READ)
		*ret_error = tls_failure_text(ssl);
	return r == 1;
}

static inline void ends_shake(struct ends *ends)
{
	for (int i = 0; i < 10 && !ends->done; i++) {
		bool client = end_step(ends->client, &ends->client_error);
		bool server = end_step(ends->server, &ends->server_error);
		ends->done = client && server;
		if (ends->server_error && !ends->client_error)
			end_step(ends->client, &ends->client_error); /* reads the alert */
		if (ends->server_error || ends->client_error)
			return;
	}
}

static inline void ends_close(struct ends *ends)
{
	SSL_free(ends->server);
	SSL_free(ends->client);
}

/* The client reads what comes after the handshake: tickets of TLS 1.3. */
static inline void ends_settle(struct ends *ends)
{
	char byte;

	assert_int_equal(SSL_read(ends->client, &byte, 1), -1);
	assert_int_equal(SSL_get_error(ends->client, -1), SSL_ERROR_WANT_READ);
}
