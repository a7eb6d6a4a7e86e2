/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto: OpenSSL's EVP behind a few plain functions. What OpenSSL would look up by name at each
 * call (a lock and a search) is fetched once a process; a sealing context keeps its key schedule,
 * so that a datagram costs one nonce and its bytes.
 */
#include "core/net/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <limits.h>
#include <pthread.h>

#include "core/error.h"
#include "core/obj.h"

#define SIGN_KEY_KIND   OBJ_KIND('s', 'i', 'g', 'k')
#define VERIFY_KEY_KIND OBJ_KIND('v', 'r', 'f', 'k')
#define AEAD_KIND       OBJ_KIND('a', 'e', 'a', 'd')

struct sign_key {
	uint32_t kind;
	EVP_PKEY *pkey; /* owned */
	uint8_t public_key[CRYPTO_KEY_BYTES];
};

struct verify_key {
	uint32_t kind;
	EVP_PKEY *pkey; /* owned */
};

struct aead {
	uint32_t kind;
	EVP_CIPHER_CTX *seal; /* owned, as is the next */
	EVP_CIPHER_CTX *open;
};

/* Fetched once, kept until the process ends; NULL where OpenSSL has none. */
static struct {
	EVP_MD *sha256;
	EVP_KDF *hkdf;
	EVP_CIPHER *aes_256_gcm;
} methods;

static void methods_fetch(void)
{
	methods.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	methods.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	methods.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

static void methods_need(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, methods_fetch);
}

static void pkey_drop(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static void pkey_ctx_drop(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void md_ctx_drop(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void kdf_ctx_drop(EVP_KDF_CTX **ctx)
{
	EVP_KDF_CTX_free(*ctx);
}

int crypto_random(void *at, size_t len)
{
	if (len > INT_MAX || RAND_priv_bytes(at, (int)len) != 1)
		return err_new(-EIO);
	return 0;
}

int crypto_sha256(struct span bytes, uint8_t ret_hash[CRYPTO_HASH_BYTES])
{
	methods_need();
	if (!methods.sha256 ||
	    EVP_Digest(bytes.at, bytes.len, ret_hash, NULL, methods.sha256, NULL) != 1)
		return err_new(-EIO);
	return 0;
}

int crypto_sha1(struct span bytes, uint8_t ret_hash[CRYPTO_SHA1_BYTES])
{
	if (EVP_Digest(bytes.at, bytes.len, ret_hash, NULL, EVP_sha1(), NULL) != 1)
		return err_new(-EIO);
	return 0;
}

void crypto_base64(struct span bytes, char *ret_text)
{
	MUST(bytes.len <= INT_MAX / 2);
	EVP_EncodeBlock((unsigned char *)ret_text, bytes.at, (int)bytes.len);
}

/* OpenSSL takes no NULL for an empty octet string, and no const. */
static OSSL_PARAM octets_param(const char *name, struct span bytes)
{
	static uint8_t nothing;
	union {
		const uint8_t *in;
		void *out;
	} at = { .in = bytes.len ? bytes.at : &nothing };

	return OSSL_PARAM_construct_octet_string(name, at.out, bytes.len);
}

int crypto_hkdf_sha256(struct span secret, struct span salt, struct span info, uint8_t *ret_key,
		       size_t key_len)
{
	char digest[] = "SHA256";

	methods_need();
	CLEANUP(kdf_ctx_drop)
	EVP_KDF_CTX *ctx = methods.hkdf ? EVP_KDF_CTX_new(methods.hkdf) : NULL;
	if (!ctx)
		return err_new(-ENOMEM);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		octets_param(OSSL_KDF_PARAM_KEY, secret),
		octets_param(OSSL_KDF_PARAM_SALT, salt),
		octets_param(OSSL_KDF_PARAM_INFO, info),
		OSSL_PARAM_construct_end(),
	};
	if (EVP_KDF_derive(ctx, ret_key, key_len, params) != 1)
		return err_new(-EIO);
	return 0;
}

bool crypto_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.at, b.at, a.len) == 0);
}

void crypto_wipe(void *at, size_t len)
{
	OPENSSL_cleanse(at, len);
}

/* A fresh key pair of this type (EVP_PKEY_ED25519, EVP_PKEY_X25519), raw; ret_public may be NULL.
 */
static int pair_generate(int type, uint8_t *ret_private, uint8_t *ret_public)
{
	CLEANUP(pkey_ctx_drop) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(type, NULL);
	CLEANUP(pkey_drop) EVP_PKEY *pkey = NULL;
	size_t private_len = CRYPTO_KEY_BYTES, public_len = CRYPTO_KEY_BYTES;

	if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_keygen(ctx, &pkey) != 1)
		return err_new(-EIO);
	if (EVP_PKEY_get_raw_private_key(pkey, ret_private, &private_len) != 1 ||
	    private_len != CRYPTO_KEY_BYTES)
		return err_new(-EIO);
	if (ret_public && (EVP_PKEY_get_raw_public_key(pkey, ret_public, &public_len) != 1 ||
			   public_len != CRYPTO_KEY_BYTES))
		return err_new(-EIO);
	return 0;
}

int sign_key_generate(uint8_t ret_seed[CRYPTO_KEY_BYTES])
{
	return pair_generate(EVP_PKEY_ED25519, ret_seed, NULL);
}

int sign_key_new(const uint8_t seed[CRYPTO_KEY_BYTES], struct sign_key **ret_key)
{
	size_t len = CRYPTO_KEY_BYTES;
	struct sign_key *key = OBJ_NEW(struct sign_key, SIGN_KEY_KIND);
	if (!key)
		return err_new(-ENOMEM);

	key->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, CRYPTO_KEY_BYTES);
	if (!key->pkey || EVP_PKEY_get_raw_public_key(key->pkey, key->public_key, &len) != 1) {
		sign_key_free(key);
		return err_new(-EIO);
	}
	*ret_key = key;
	return 0;
}

void sign_key_free(struct sign_key *key)
{
	if (!key)
		return;
	MUST(key->kind == SIGN_KEY_KIND);
	EVP_PKEY_free(key->pkey);
	OBJ_FREE(key);
}

void sign_key_public(const struct sign_key *key, uint8_t ret_public[CRYPTO_KEY_BYTES])
{
	MUST(key->kind == SIGN_KEY_KIND);
	memcpy(ret_public, key->public_key, CRYPTO_KEY_BYTES);
}

int sign_make(const struct sign_key *key, struct span bytes,
	      uint8_t ret_signature[CRYPTO_SIGNATURE_BYTES])
{
	size_t len = CRYPTO_SIGNATURE_BYTES;

	MUST(key->kind == SIGN_KEY_KIND);
	CLEANUP(md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx)
		return err_new(-ENOMEM);
	if (EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) != 1 ||
	    EVP_DigestSign(ctx, ret_signature, &len, bytes.at, bytes.len) != 1 ||
	    len != CRYPTO_SIGNATURE_BYTES)
		return err_new(-EIO);
	return 0;
}

int verify_key_new(const uint8_t public_key[CRYPTO_KEY_BYTES], struct verify_key **ret_key)
{
	struct verify_key *key = OBJ_NEW(struct verify_key, VERIFY_KEY_KIND);
	if (!key)
		return err_new(-ENOMEM);

	key->pkey =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, CRYPTO_KEY_BYTES);
	if (!key->pkey) {
		verify_key_free(key);
		return err_new(-EIO);
	}
	*ret_key = key;
	return 0;
}

void verify_key_free(struct verify_key *key)
{
	if (!key)
		return;
	MUST(key->kind == VERIFY_KEY_KIND);
	EVP_PKEY_free(key->pkey);
	OBJ_FREE(key);
}

bool verify_check(const struct verify_key *key, struct span bytes, struct span signature)
{
	MUST(key->kind == VERIFY_KEY_KIND);
	CLEANUP(md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	return ctx && signature.len == CRYPTO_SIGNATURE_BYTES &&
	       EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
	       EVP_DigestVerify(ctx, signature.at, signature.len, bytes.at, bytes.len) == 1;
}

int exchange_generate(uint8_t ret_private[CRYPTO_KEY_BYTES], uint8_t ret_public[CRYPTO_KEY_BYTES])
{
	return pair_generate(EVP_PKEY_X25519, ret_private, ret_public);
}

/* A public key of small order gives zeros for every private one: OpenSSL refuses it, as RFC 7748
 * section 6.1 allows. */
int exchange_agree(const uint8_t private_key[CRYPTO_KEY_BYTES],
		   const uint8_t public_key[CRYPTO_KEY_BYTES], uint8_t ret_secret[CRYPTO_KEY_BYTES])
{
	size_t len = CRYPTO_KEY_BYTES;
	CLEANUP(pkey_drop)
	EVP_PKEY *ours =
		EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, CRYPTO_KEY_BYTES);
	CLEANUP(pkey_drop)
	EVP_PKEY *theirs =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, CRYPTO_KEY_BYTES);
	CLEANUP(pkey_ctx_drop) EVP_PKEY_CTX *ctx = ours ? EVP_PKEY_CTX_new(ours, NULL) : NULL;

	if (!ctx || !theirs || EVP_PKEY_derive_init(ctx) != 1 ||
	    EVP_PKEY_derive_set_peer(ctx, theirs) != 1 ||
	    EVP_PKEY_derive(ctx, ret_secret, &len) != 1 || len != CRYPTO_KEY_BYTES)
		return err_new(-EIO);
	return 0;
}

int aead_new(const uint8_t key[CRYPTO_KEY_BYTES], struct aead **ret_aead)
{
	methods_need();
	if (!methods.aes_256_gcm)
		return err_new(-EIO);
	struct aead *aead = OBJ_NEW(struct aead, AEAD_KIND);
	if (!aead)
		return err_new(-ENOMEM);

	aead->seal = EVP_CIPHER_CTX_new();
	aead->open = EVP_CIPHER_CTX_new();
	if (!aead->seal || !aead->open ||
	    EVP_EncryptInit_ex2(aead->seal, methods.aes_256_gcm, key, NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex2(aead->open, methods.aes_256_gcm, key, NULL, NULL) != 1) {
		aead_free(aead);
		return err_new(-EIO);
	}
	*ret_aead = aead;
	return 0;
}

void aead_free(struct aead *aead)
{
	if (!aead)
		return;
	MUST(aead->kind == AEAD_KIND);
	EVP_CIPHER_CTX_free(aead->seal);
	EVP_CIPHER_CTX_free(aead->open);
	OBJ_FREE(aead);
}

int aead_seal(struct aead *aead, const uint8_t nonce[CRYPTO_NONCE_BYTES], struct span header,
	      struct span plain, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = aead->seal;
	int n = 0, n_last = 0;

	MUST(aead->kind == AEAD_KIND && header.len <= INT_MAX && plain.len <= INT_MAX);
	if (EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) != 1)
		return err_new(-EIO);
	if (header.len && EVP_EncryptUpdate(ctx, NULL, &n, header.at, (int)header.len) != 1)
		return err_new(-EIO);
	n = 0;
	if (plain.len && EVP_EncryptUpdate(ctx, out, &n, plain.at, (int)plain.len) != 1)
		return err_new(-EIO);
	if (EVP_EncryptFinal_ex(ctx, out + n, &n_last) != 1 ||
	    (size_t)n + (size_t)n_last != plain.len)
		return err_new(-EIO);
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CRYPTO_TAG_BYTES, out + plain.len) != 1)
		return err_new(-EIO);
	return 0;
}

bool aead_open(struct aead *aead, const uint8_t nonce[CRYPTO_NONCE_BYTES], struct span header,
	       struct span sealed, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = aead->open;
	uint8_t tag[CRYPTO_TAG_BYTES], nothing[CRYPTO_TAG_BYTES];
	int n = 0, n_last = 0;

	MUST(aead->kind == AEAD_KIND && header.len <= INT_MAX);
	if (sealed.len < CRYPTO_TAG_BYTES || sealed.len > INT_MAX)
		return false;
	size_t len = sealed.len - CRYPTO_TAG_BYTES;
	memcpy(tag, sealed.at + len, sizeof(tag));
	if (EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) != 1)
		return false;
	if (header.len && EVP_DecryptUpdate(ctx, NULL, &n, header.at, (int)header.len) != 1)
		return false;
	if (len && EVP_DecryptUpdate(ctx, out, &n, sealed.at, (int)len) != 1)
		return false;
	return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CRYPTO_TAG_BYTES, tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, nothing, &n_last) == 1;
}
