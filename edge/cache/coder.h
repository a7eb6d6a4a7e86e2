/* SPDX-License-Identifier: Apache-2.0
 *
 * coder: the thread of a store that makes coded bodies. Whoever serves an object and finds none
 * asks for it, and sends the object as it is; who comes later finds it. No worker waits.
 */
#pragma once

#include "edge/cache/coded.h"
#include "edge/cache/store.h"

/* The coded body, a reference; NULL: there is none (yet). What has none is asked for, unless too
 * much waits already. The object is whole. Any thread. */
struct cache_coded *cache_coded_get(struct cache *cache, struct cache_object *object,
				    enum cache_coding coding);
