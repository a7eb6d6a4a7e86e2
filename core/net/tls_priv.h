/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_priv: what tls_pipe needs of a context beyond tls.h.
 */
#pragma once

#include <openssl/ssl.h>

#include "core/net/tls.h"

/* A connection's state, ready for its handshake; the role is the context's. `server_name` (client
 * contexts) is sent as SNI unless it is an IP address, and is verified. NULL: out of memory. */
SSL *tls_ssl_new(struct tls_context *tls, const char *server_name);
/* Why the last operation failed, from OpenSSL's queue, which is emptied. Static text. */
const char *tls_failure_text(const SSL *ssl);
