/* SPDX-License-Identifier: Apache-2.0
 *
 * spread: the queue of what is to be told, by riding on other messages. What was sent least often
 * comes first, and of those the newest; what was sent often enough leaves. Items are embedded in
 * members and facts, so the queue cannot grow beyond them. One thread at a time.
 */
#pragma once

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPREAD_MAX_TIMES = 64 };

struct spread;
struct spread_item {
	TAILQ_ENTRY(spread_item) entry;
	void *owner;  /* a struct member, or of a fact its owner's */
	uint32_t key; /* of a fact */
	bool is_fact;
	struct spread *in; /* NULL: not queued */
	uint8_t n_sent;    /* while queued */
};

TAILQ_HEAD(spread_list, spread_item);
struct spread {
	struct spread_list by_times[SPREAD_MAX_TIMES];
	size_t n;
};

void spread_init(struct spread *spread);
/* New, or new again: goes to the front. */
void spread_add(struct spread *spread, struct spread_item *item);
void spread_remove(struct spread_item *item); /* fine when not queued */

/* Visits items in order. `fn` says whether it has sent the item, and may say that the packet is
 * full; it must not touch the queue. An item that was sent `times` times leaves. At most max_looked
 * items are shown. */
enum spread_verdict { SPREAD_SENT, SPREAD_SKIPPED, SPREAD_FULL };
typedef enum spread_verdict (*spread_fn)(void *arg, struct spread_item *item);
void spread_visit(struct spread *spread, size_t times, size_t max_looked, spread_fn fn, void *arg);
