/* SPDX-License-Identifier: Apache-2.0
 *
 * rng: random numbers that are handed in, so that logic which draws them can be replayed.
 * xoshiro256**; not for secrets (core/net/crypto.h has those). A struct rng belongs to one thread.
 */
#pragma once

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

/* The same seed gives the same numbers, for ever. */
void rng_seed(struct rng *rng, uint64_t seed);
/* Seeds from the kernel. */
void rng_seed_os(struct rng *rng);
uint64_t rng_u64(struct rng *rng);
/* Evenly in [0, below); below > 0. */
uint64_t rng_below(struct rng *rng, uint64_t below);
/* Evenly in [0, 1). */
double rng_unit(struct rng *rng);
