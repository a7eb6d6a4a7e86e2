/* SPDX-License-Identifier: Apache-2.0
 *
 * origin_watch: keeps an eye on all origins of a configuration: resolves their names and checks
 * their health. One an edge, on the control thread; workers hear of it by views.
 */
#pragma once

#include "core/net/fetch.h"
#include "core/net/resolver.h"
#include "edge/origin/origin_view.h"
#include "edge/origin/pool_conf.h"

struct origin_watch;

struct origin_watch_setup {
	struct loop *loop;
	const struct pool_conf *pools; /* borrowed for the watch's life */
	size_t n_pools;
	struct resolver_conf resolver;
	int64_t max_ttl_ms;
	const struct origin_view *before; /* what an earlier watch knew; NULL: nothing. Borrowed for
					   * the watch's life */
	/* Something has changed: take a new view. At most once a turn. */
	void (*on_change)(void *arg);
	void *arg;
};

int origin_watch_new(const struct origin_watch_setup *setup, struct origin_watch **ret_watch);
void origin_watch_free(struct origin_watch *watch); /* NULL is fine */
/* As it is now. The reference is the caller's. Errors: -ENOMEM. */
int origin_watch_view(const struct origin_watch *watch, struct origin_view **ret_view);
/* Has each name been answered once, be it with a failure? */
bool origin_watch_answered(const struct origin_watch *watch);
