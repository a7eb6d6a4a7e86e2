/* SPDX-License-Identifier: Apache-2.0
 *
 * pool_priv: what the policies see of a pool. Each policy is one pick_*.c.
 */
#pragma once

#include "edge/balance/pool.h"

/* A member and what the policies remember of it. */
struct pool_seat {
	struct pool_member member;
	int64_t turn; /* round robin: who has the highest is next */
};

/* Among seats for which fits() says yes; NULL: none. */
struct pool_choice {
	struct pool_seat *seats;
	size_t n_seats;
	const struct pool_tried *tried;
};
bool pool_seat_fits(const struct pool_choice *choice, const struct pool_seat *seat);

struct pool_seat *pick_round_robin(const struct pool_choice *choice);
