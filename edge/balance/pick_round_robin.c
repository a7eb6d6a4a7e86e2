/* SPDX-License-Identifier: Apache-2.0
 *
 * pick_round_robin: smooth weighted round robin. At each choice everybody's turn grows by its
 * weight; the highest is chosen and pays the sum of all. Weights 5, 1, 1 give a a b a c a a, and
 * not a a a a a b c.
 */
#include "edge/balance/pool_priv.h"

struct pool_seat *pick_round_robin(const struct pool_choice *choice)
{
	struct pool_seat *best = NULL;
	int64_t total = 0;

	for (size_t i = 0; i < choice->n_seats; i++) {
		struct pool_seat *seat = &choice->seats[i];
		if (!pool_seat_fits(choice, seat))
			continue;
		seat->turn += seat->member.weight;
		total += seat->member.weight;
		if (!best || seat->turn > best->turn)
			best = seat;
	}
	if (best)
		best->turn -= total;
	return best;
}
