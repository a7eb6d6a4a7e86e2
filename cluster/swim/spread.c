/* SPDX-License-Identifier: Apache-2.0
 *
 * spread: a list for each number of times that an item was sent. Adding puts at the head, having
 * sent puts at the tail of the next list: so the least told and newest is always first, and nothing
 * is ever sorted.
 */
#include "cluster/swim/spread.h"

#include "core/must.h"

void spread_init(struct spread *spread)
{
	for (size_t i = 0; i < SPREAD_MAX_TIMES; i++)
		TAILQ_INIT(&spread->by_times[i]);
	spread->n = 0;
}

void spread_add(struct spread *spread, struct spread_item *item)
{
	spread_remove(item);
	item->in = spread;
	item->n_sent = 0;
	TAILQ_INSERT_HEAD(&spread->by_times[0], item, entry);
	spread->n++;
}

void spread_remove(struct spread_item *item)
{
	if (!item->in)
		return;
	MUST(item->in->n > 0);
	TAILQ_REMOVE(&item->in->by_times[item->n_sent], item, entry);
	item->in->n--;
	item->in = NULL;
}

/* Items that were sent wait in `sent`, so that the same visit does not meet them again. */
static void take_sent(struct spread *spread, struct spread_list *sent, size_t times)
{
	struct spread_item *item, *next;

	TAILQ_FOREACH_SAFE (item, sent, entry, next) {
		TAILQ_REMOVE(sent, item, entry);
		item->n_sent++;
		if (item->n_sent >= times || item->n_sent >= SPREAD_MAX_TIMES) {
			item->in = NULL;
			spread->n--;
			continue;
		}
		TAILQ_INSERT_TAIL(&spread->by_times[item->n_sent], item, entry);
	}
}

void spread_visit(struct spread *spread, size_t times, size_t max_looked, spread_fn fn, void *arg)
{
	enum spread_verdict verdict = SPREAD_SKIPPED;
	struct spread_list sent = TAILQ_HEAD_INITIALIZER(sent);
	size_t n_left = spread->n;

	for (size_t i = 0; i < SPREAD_MAX_TIMES && n_left && verdict != SPREAD_FULL; i++) {
		struct spread_item *item, *next;

		TAILQ_FOREACH_SAFE (item, &spread->by_times[i], entry, next) {
			n_left--;
			if (max_looked-- == 0)
				verdict = SPREAD_FULL;
			else
				verdict = fn(arg, item);
			if (verdict == SPREAD_FULL)
				break;
			if (verdict == SPREAD_SKIPPED)
				continue;
			TAILQ_REMOVE(&spread->by_times[i], item, entry);
			TAILQ_INSERT_TAIL(&sent, item, entry);
		}
	}
	take_sent(spread, &sent, times);
}
