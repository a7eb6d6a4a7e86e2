/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: the seats, and what is the same for all policies: who may be chosen at all.
 */
#include "edge/balance/pool.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/balance/pool_priv.h"

#define POOL_KIND OBJ_KIND('p', 'o', 'o', 'l')

struct pool {
	uint32_t kind;
	enum pool_policy policy;
	struct pool_seat *seats; /* owned */
	size_t n_seats;
};

int pool_new(enum pool_policy policy, struct pool **ret_pool)
{
	struct pool *pool = OBJ_NEW(struct pool, POOL_KIND);

	if (!pool)
		return err_new(-ENOMEM);
	pool->policy = policy;
	*ret_pool = pool;
	return 0;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	free(pool->seats);
	OBJ_FREE(pool);
}

static int64_t turn_of(const struct pool *pool, uint64_t id)
{
	for (size_t i = 0; i < pool->n_seats; i++) {
		if (pool->seats[i].member.id == id)
			return pool->seats[i].turn;
	}
	return 0;
}

int pool_set(struct pool *pool, const struct pool_member *members, size_t n_members)
{
	struct pool_seat *seats = calloc(n_members + 1, sizeof(*seats));

	MUST(pool->kind == POOL_KIND);
	if (!seats)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n_members; i++) {
		MUST(members[i].weight > 0);
		seats[i].member = members[i];
		seats[i].turn = turn_of(pool, members[i].id);
	}
	free(pool->seats);
	pool->seats = seats;
	pool->n_seats = n_members;
	return 0;
}

void pool_clear(struct pool *pool)
{
	pool->n_seats = 0;
}

void pool_tried_add(struct pool_tried *tried, uint64_t id)
{
	if (tried->n < POOL_MAX_TRIED)
		tried->ids[tried->n++] = id;
}

bool pool_seat_fits(const struct pool_choice *choice, const struct pool_seat *seat)
{
	if (!seat->member.up)
		return false;
	for (size_t i = 0; i < choice->tried->n; i++) {
		if (choice->tried->ids[i] == seat->member.id)
			return false;
	}
	return true;
}

static bool any_up(const struct pool *pool)
{
	for (size_t i = 0; i < pool->n_seats; i++) {
		if (pool->seats[i].member.up)
			return true;
	}
	return false;
}

int pool_pick(struct pool *pool, const struct pool_tried *tried, struct origin **ret_origin)
{
	const struct pool_choice choice = { pool->seats, pool->n_seats, tried };
	struct pool_seat *seat = NULL;

	MUST(pool->kind == POOL_KIND);
	switch (pool->policy) {
	case POOL_ROUND_ROBIN:
		seat = pick_round_robin(&choice);
		break;
	}
	if (!seat)
		return any_up(pool) ? POOL_ALL_TRIED : POOL_ALL_DOWN;
	*ret_origin = seat->member.origin;
	return POOL_PICKED;
}
