/* SPDX-License-Identifier: Apache-2.0
 *
 * evict: which item has to go when a store is full. An item is touched without a lock; all else is
 * under the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>

struct evict_item {
	TAILQ_ENTRY(evict_item) link;
	uint64_t hash;
	uint64_t bytes;
	uint8_t uses; /* relaxed atomic */
	uint8_t queue;
};

struct evict {
	TAILQ_HEAD(, evict_item) items;
	uint64_t bytes, max_bytes;
};

int evict_init(struct evict *evict, uint64_t max_bytes);
void evict_fini(struct evict *evict);
void evict_set_max(struct evict *evict, uint64_t max_bytes);
void evict_add(struct evict *evict, struct evict_item *item, uint64_t hash, uint64_t bytes);
void evict_touch(struct evict_item *item);
void evict_remove(struct evict *evict, struct evict_item *item);
struct evict_item *evict_next(struct evict *evict);
uint64_t evict_bytes(const struct evict *evict);
