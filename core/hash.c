/* SPDX-License-Identifier: Apache-2.0
 *
 * hash: XXH3 of libxxhash. The keyed one replaces its whole secret: a seed alone would let a
 * stranger find inputs that collide under every seed.
 */
#include "core/hash.h"

#include <pthread.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/must.h"

static uint8_t secret[XXH3_SECRET_DEFAULT_SIZE];
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void secret_draw(void)
{
	_Static_assert(sizeof(secret) <= 256, "getentropy gives no more at once");
	MUST(getentropy(secret, sizeof(secret)) == 0);
}

uint64_t hash_keyed(struct span bytes)
{
	pthread_once(&secret_once, secret_draw);
	return XXH3_64bits_withSecret(bytes.at, bytes.len, secret, sizeof(secret));
}

uint64_t hash_fixed(struct span bytes, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes.at, bytes.len, seed);
}
