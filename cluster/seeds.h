/* SPDX-License-Identifier: Apache-2.0
 *
 * seeds: the members to ask at the start, by name or address. Names are asked for again, soon while
 * one has failed, now and then later: addresses change. The cluster's thread.
 */
#pragma once

#include "core/loop.h"
#include "core/net/addr.h"

struct seeds;

enum { SEEDS_MAX_ADDRS = 64 };

/* All that are known now; borrowed for the call. */
typedef void (*seeds_fn)(const struct addr *addrs, size_t n, void *arg);

/* `join` ("host:port", "[::1]:7946") is borrowed. fn runs in later turns, when what is known has
 * changed. Errors: -ENOMEM, -EIO. */
int seeds_new(struct loop *loop, const char *const *join, size_t n_join, seeds_fn fn, void *arg,
	      struct seeds **ret_seeds);
void seeds_free(struct seeds *seeds); /* NULL is fine */
