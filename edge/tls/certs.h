/* SPDX-License-Identifier: Apache-2.0
 *
 * certs: the certificates of one listener, and which of them a client gets by SNI.
 *
 * A set is built once, from files, while a configuration is read; then it is immutable and counted,
 * shared by all workers. A reload builds another and gives it to the listeners.
 */
#pragma once

#include "core/net/tls.h"

enum { CERT_ERROR_TEXT = 256 };

struct cert_set;

/* All strings are borrowed until the last cert_set_add(). Those of `server` about a certificate are
 * left out. */
struct cert_set_conf {
	struct tls_server_conf server; /* versions of 0: TLS 1.2 and 1.3 */
	bool strict_sni; /* refuse a name that no certificate has, and a client without SNI */
};

/* One reference, the caller's. `conf` is copied. Errors: -ENOMEM. */
int cert_set_new(const struct cert_set_conf *conf, struct cert_set **ret_set);
/* Adds a certificate: PEM files; key_file NULL: the key stands beside it. It serves the names that
 * it holds (exact, and `*.` for one label) unless one that was added before has them; the first
 * serves also who asks for no name or an unknown one. One with the same names and another type of
 * key joins the one before: clients get what they can verify. Before the set is used, one thread.
 * `reterr` (CERT_ERROR_TEXT) says what was wrong with which file. Errors: -EINVAL, -ENOENT,
 * -EACCES, -ENOMEM: the set is as it was. */
int cert_set_add(struct cert_set *set, const char *certificate_file, const char *key_file,
		 char *reterr);
/* Any thread. */
struct cert_set *cert_set_ref(struct cert_set *set);
void cert_set_unref(struct cert_set *set); /* NULL is fine */
size_t cert_set_count(const struct cert_set *set);
struct tls_context *cert_set_at(const struct cert_set *set, size_t i); /* borrowed from the set */

/* What conn_accept() needs. Borrowed; the set must live until the handshakes that use it are over.
 * NULL when the set is empty. */
struct tls_context *cert_set_context(const struct cert_set *set);
/* Which certificate serves a name: lower case, empty for none. NULL: refused. */
struct tls_context *cert_set_find(const struct cert_set *set, struct span name);
