/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: the few primitives that members use among themselves, over OpenSSL's EVP: Ed25519,
 * X25519, HKDF, AES-256-GCM, SHA-256, secure random numbers. Any thread; each object one at a time.
 */
#pragma once

#include "core/span.h"

enum {
	CRYPTO_KEY_BYTES = 32, /* Ed25519 and X25519, public and private; AES-256 */
	CRYPTO_SIGNATURE_BYTES = 64,
	CRYPTO_HASH_BYTES = 32,
	CRYPTO_SHA1_BYTES = 20,
	CRYPTO_NONCE_BYTES = 12,
	CRYPTO_TAG_BYTES = 16,
};

/* Errors of all: -EIO when OpenSSL refuses, -ENOMEM. */
int crypto_random(void *at, size_t len);
int crypto_sha256(struct span bytes, uint8_t ret_hash[CRYPTO_HASH_BYTES]);
/* For WebSocket's handshake alone (RFC 6455 4.2.2), where nothing depends on it. */
int crypto_sha1(struct span bytes, uint8_t ret_hash[CRYPTO_SHA1_BYTES]);
/* RFC 4648 4, with padding and a NUL: room for CRYPTO_BASE64_BYTES(bytes.len). */
void crypto_base64(struct span bytes, char *ret_text);
#define CRYPTO_BASE64_BYTES(len) (((len) + 2) / 3 * 4 + 1)
int crypto_hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *ret_key,
		       size_t key_len);
bool crypto_equal(struct span a, struct span b); /* in constant time */
void crypto_wipe(void *at, size_t len);

/* Ed25519. The private key is the 32-byte seed. */
struct sign_key;   /* holds the private key */
struct verify_key; /* public */
int sign_key_generate(uint8_t ret_seed[CRYPTO_KEY_BYTES]);
int sign_key_new(const uint8_t seed[CRYPTO_KEY_BYTES], struct sign_key **ret_key);
void sign_key_free(struct sign_key *key);
void sign_key_public(const struct sign_key *key, uint8_t ret_public[CRYPTO_KEY_BYTES]);
int sign_make(const struct sign_key *key, struct span bytes,
	      uint8_t ret_signature[CRYPTO_SIGNATURE_BYTES]);
int verify_key_new(const uint8_t public_key[CRYPTO_KEY_BYTES], struct verify_key **ret_key);
void verify_key_free(struct verify_key *key);
bool verify_check(const struct verify_key *key, struct span bytes, struct span signature);

/* X25519. */
int exchange_generate(uint8_t ret_private[CRYPTO_KEY_BYTES], uint8_t ret_public[CRYPTO_KEY_BYTES]);
int exchange_agree(const uint8_t private_key[CRYPTO_KEY_BYTES],
		   const uint8_t public_key[CRYPTO_KEY_BYTES],
		   uint8_t ret_secret[CRYPTO_KEY_BYTES]);

/* AES-256-GCM; a context keeps its key schedule. */
struct aead;
int aead_new(const uint8_t key[CRYPTO_KEY_BYTES], struct aead **ret_aead);
void aead_free(struct aead *aead);
/* out has room for plain.len + CRYPTO_TAG_BYTES; out may be plain.at. */
int aead_seal(struct aead *aead, const uint8_t nonce[CRYPTO_NONCE_BYTES], struct span header,
	      struct span plain, uint8_t *out);
/* out has room for sealed.len - CRYPTO_TAG_BYTES. False: it does not open; do not read out. */
bool aead_open(struct aead *aead, const uint8_t nonce[CRYPTO_NONCE_BYTES], struct span header,
	       struct span sealed, uint8_t *out);
