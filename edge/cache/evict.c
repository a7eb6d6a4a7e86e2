/* SPDX-License-Identifier: Apache-2.0
 *
 * evict: first in, first out.
 */
#include "edge/cache/evict.h"

#include "core/obj.h"

int evict_init(struct evict *evict, uint64_t max_bytes)
{
	*evict = (struct evict){ .max_bytes = max_bytes };
	TAILQ_INIT(&evict->items);
	return 0;
}

void evict_fini(struct evict *evict)
{
	MUST(TAILQ_EMPTY(&evict->items));
}

void evict_set_max(struct evict *evict, uint64_t max_bytes)
{
	evict->max_bytes = max_bytes;
}

void evict_add(struct evict *evict, struct evict_item *item, uint64_t hash, uint64_t bytes)
{
	item->hash = hash;
	item->bytes = bytes;
	evict->bytes += bytes;
	TAILQ_INSERT_TAIL(&evict->items, item, link);
}

void evict_touch(struct evict_item *item)
{
	if (__atomic_load_n(&item->uses, __ATOMIC_RELAXED) < 3)
		__atomic_store_n(&item->uses, 3, __ATOMIC_RELAXED);
}

void evict_remove(struct evict *evict, struct evict_item *item)
{
	evict->bytes -= item->bytes;
	TAILQ_REMOVE(&evict->items, item, link);
}

struct evict_item *evict_next(struct evict *evict)
{
	struct evict_item *item = TAILQ_FIRST(&evict->items);

	if (evict->bytes <= evict->max_bytes || !item)
		return NULL;
	evict_remove(evict, item);
	return item;
}

uint64_t evict_bytes(const struct evict *evict)
{
	return evict->bytes;
}
