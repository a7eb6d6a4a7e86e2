/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_peer: reading a certificate is dear and done for those alone who ask.
 */
#include "core/net/tls_peer.h"

#include <openssl/bio.h>
#include <openssl/x509.h>

#include "core/net/crypto.h"
#include "core/net/tls_priv.h"

static struct span name_text(const X509_NAME *name, struct arena *arena)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct span text = SPAN_NONE;
	const uint8_t *at = NULL;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
		long len = BIO_get_mem_data(bio, &at);
		text = arena_copy(arena, span_of(at, (size_t)len));
	}
	BIO_free(bio);
	return text;
}

static struct span hex(struct span bytes, struct arena *arena)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *out = arena_take_bytes(arena, bytes.len * 2);

	if (!out)
		return SPAN_NONE;
	for (size_t i = 0; i < bytes.len; i++) {
		out[2 * i] = (uint8_t)digits[bytes.at[i] >> 4];
		out[2 * i + 1] = (uint8_t)digits[bytes.at[i] & 15];
	}
	return span_of(out, bytes.len * 2);
}

static void der_read(const X509 *certificate, struct arena *arena, struct tls_peer *peer)
{
	uint8_t hash[CRYPTO_HASH_BYTES];
	uint8_t *der = NULL;
	int len = i2d_X509(certificate, &der);

	if (len <= 0)
		return;
	struct span bytes = span_of(der, (size_t)len);
	if (crypto_sha256(bytes, hash) == 0)
		peer->fingerprint = hex(span_of(hash, sizeof(hash)), arena);
	size_t n = 4 * ((bytes.len + 2) / 3);
	uint8_t *text = arena_take_bytes(arena, n + 1);
	if (text) {
		EVP_EncodeBlock(text, der, len);
		peer->der_base64 = span_of(text, n);
	}
	OPENSSL_free(der);
}

bool tls_peer_read(const SSL *ssl, struct arena *arena, struct tls_peer *ret_peer)
{
	X509 *certificate = SSL_get0_peer_certificate(ssl);

	*ret_peer = (struct tls_peer){ .subject = SPAN_NONE };
	if (!certificate)
		return false;
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	ret_peer->subject = name_text(X509_get_subject_name(certificate), arena);
	ret_peer->issuer = name_text(X509_get_issuer_name(certificate), arena);
	ret_peer->serial = hex(
		span_of(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)), arena);
	der_read(certificate, arena, ret_peer);
	return true;
}

/* A connection that asked for no name got the first certificate for want of a better one. */
bool tls_ssl_asked(const SSL *ssl, struct span host)
{
	const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	return !asked || host.len == 0 || span_ieq(span_str(asked), host);
}

/* Nor does it say anything that a certificate does not hold the host, which was given to one who
 * asked for a name that no certificate has. */
bool tls_ssl_covers(const SSL *ssl, struct span host)
{
	const struct tls_context *tls = tls_context_of(SSL_get_SSL_CTX(ssl));
	const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	char name[TLS_NAME_MAX + 1];

	if (!asked || !tls_server_covers(tls, asked))
		return true;
	if (host.len > 2 && host.at[0] == '[') /* an address of IPv6 */
		host = span_of(host.at + 1, host.len - 2);
	if (host.len > TLS_NAME_MAX || span_find(host, 0) < host.len)
		return false;
	memcpy(name, host.at, host.len);
	name[host.len] = '\0';
	return tls_server_covers(tls, name);
}
