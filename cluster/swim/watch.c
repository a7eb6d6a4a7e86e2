/* SPDX-License-Identifier: Apache-2.0
 *
 * watch: which members to keep a TCP line to, so that the kernel tells us at once when they crash:
 * those that follow us in the ring of ids. So each member is watched by as many as it watches, and
 * all agree on who, without a word.
 */
#include "cluster/swim/swim_priv.h"

#include "core/obj.h"

/* How far along the ring from us. */
static uint64_t distance(const struct swim *swim, const struct member *member)
{
	uint64_t from = 0, to = 0;

	for (size_t i = 0; i < MEMBER_ID_BYTES; i++) {
		from = from << 8 | swim->me->id.bytes[i];
		to = to << 8 | member->id.bytes[i];
	}
	return to - from;
}

/* Puts it among the nearest, which are in order; the last may fall out. */
static size_t insert(const struct swim *swim, struct member **nearest, size_t n, size_t max,
		     struct member *member)
{
	size_t at = n;

	while (at > 0 && distance(swim, nearest[at - 1]) > distance(swim, member))
		at--;
	if (at >= max)
		return n;
	if (n == max)
		n--;
	memmove(&nearest[at + 1], &nearest[at], (n - at) * sizeof(struct member *));
	nearest[at] = member;
	return n + 1;
}

static size_t choose(const struct swim *swim, struct swim_keep_line lines[SWIM_MAX_KEPT])
{
	struct member *nearest[SWIM_MAX_KEPT];
	size_t n = 0, max = MIN(swim->conf->n_watched, (uint32_t)SWIM_MAX_KEPT);

	if (swim->leaving || max == 0)
		return 0;
	for (size_t i = 0; i < swim->members.n_live; i++)
		n = insert(swim, nearest, n, max, swim->members.live[i]);
	for (size_t i = 0; i < n; i++)
		lines[i] = (struct swim_keep_line){ nearest[i]->id, nearest[i]->alive.addr };
	return n;
}

static bool same_line(const struct swim_keep_line *a, const struct swim_keep_line *b)
{
	return id_equal(&a->id, &b->id) && addr_eq(&a->addr, &b->addr);
}

bool watch_run(struct swim *swim)
{
	struct swim_keep_line lines[SWIM_MAX_KEPT] = { 0 };

	if (!swim->ring_changed)
		return false;
	swim->ring_changed = false;
	size_t n = choose(swim, lines);
	bool same = n == swim->n_kept;
	for (size_t i = 0; i < n && same; i++)
		same = same_line(&lines[i], &swim->kept[i]);
	if (same)
		return false;
	memcpy(swim->kept, lines, sizeof(lines));
	swim->n_kept = n;
	return true;
}
