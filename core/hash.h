/* SPDX-License-Identifier: Apache-2.0
 *
 * hash: XXH3, the one hash for tables, consistent hashing and keys. Any thread.
 *
 * hash_keyed() mixes in a secret of this process: for tables that strangers fill. hash_fixed()
 * gives the same value in every process and on every machine: for choices that members must make
 * alike (steering by prefix, rendezvous).
 */
#pragma once

#include "core/span.h"

uint64_t hash_keyed(struct span bytes);
uint64_t hash_fixed(struct span bytes, uint64_t seed);
