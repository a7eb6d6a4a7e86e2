/* SPDX-License-Identifier: Apache-2.0
 *
 * suspicion: how long a member is suspected before it is dead: long while one member alone accuses
 * it, who may be the sick one, and shorter with each who confirms (Lifeguard). Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* After `n_confirmed` of `n_needed` confirmations; at n_needed it is least_ms. n_needed 0: nobody
 * else is there to confirm, so nothing is waited for. */
uint32_t suspicion_ms(uint32_t least_ms, uint32_t most_ms, size_t n_confirmed, size_t n_needed);
