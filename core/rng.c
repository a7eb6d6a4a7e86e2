/* SPDX-License-Identifier: Apache-2.0
 *
 * rng: xoshiro256** of Blackman and Vigna, seeded through splitmix64 as they advise, so that no
 * seed gives the all-zero state or a slow start.
 */
#include "core/rng.h"

#include <unistd.h>

#include "core/must.h"

static uint64_t rotated(uint64_t x, int n_bits)
{
	return x << n_bits | x >> (64 - n_bits);
}

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void rng_seed(struct rng *rng, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		rng->s[i] = splitmix64(&seed);
}

void rng_seed_os(struct rng *rng)
{
	/* It fails only where the kernel has no random numbers to give, or for more than 256
	 * bytes. */
	MUST(getentropy(rng->s, sizeof(rng->s)) == 0);
}

uint64_t rng_u64(struct rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t result = rotated(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotated(s[3], 45);
	return result;
}

/* Lemire: the high word of a product is even once the few low words that fall short are drawn
 * again. */
uint64_t rng_below(struct rng *rng, uint64_t below)
{
	MUST(below > 0);
	uint64_t short_fall = -below % below;
	unsigned __int128 product;

	do {
		product = (unsigned __int128)rng_u64(rng) * below;
	} while ((uint64_t)product < short_fall);
	return (uint64_t)(product >> 64);
}

double rng_unit(struct rng *rng)
{
	return (double)(rng_u64(rng) >> 11) * 0x1.0p-53;
}
