/* SPDX-License-Identifier: Apache-2.0
 *
 * seeds: one question a name; when all are answered, all is told at once.
 */
#include "cluster/seeds.h"

#include <stdio.h>

#include "core/error.h"
#include "core/log.h"
#include "core/net/resolver.h"
#include "core/obj.h"

#define SEEDS_KIND OBJ_KIND('s', 'e', 'e', 'd')

enum {
	NAME_MAX_BYTES = 256,
	RETRY_FIRST_MS = 1000,
	RETRY_MOST_MS = 30000,
	REFRESH_MS = 60000,
};

struct seed {
	struct seeds *seeds;
	const char *text;
	uint16_t port;
};

struct seeds {
	uint32_t kind;
	struct loop *loop;
	struct resolver *resolver;
	struct loop_timer timer;
	seeds_fn fn;
	void *arg;
	struct seed *all; /* owned */
	size_t n;
	size_t n_waiting;
	size_t n_failed;
	int64_t retry_ms;
	struct addr addrs[SEEDS_MAX_ADDRS], told[SEEDS_MAX_ADDRS];
	size_t n_addrs, n_told;
};

static void add_addr(struct seeds *seeds, const struct addr *addr)
{
	for (size_t i = 0; i < seeds->n_addrs; i++) {
		if (addr_eq(&seeds->addrs[i], addr))
			return;
	}
	if (seeds->n_addrs < SEEDS_MAX_ADDRS)
		seeds->addrs[seeds->n_addrs++] = *addr;
}

static bool has_changed(const struct seeds *seeds)
{
	if (seeds->n_addrs != seeds->n_told)
		return true;
	for (size_t i = 0; i < seeds->n_addrs; i++) {
		if (!addr_eq(&seeds->addrs[i], &seeds->told[i]))
			return true;
	}
	return false;
}

static void finish(struct seeds *seeds)
{
	bool failed = seeds->n_failed > 0;
	int64_t next_ms = failed ? seeds->retry_ms : (int64_t)REFRESH_MS;

	seeds->retry_ms =
		failed ? MIN(2 * seeds->retry_ms, (int64_t)RETRY_MOST_MS) : (int64_t)RETRY_FIRST_MS;
	loop_timer_set(&seeds->timer, mono_add_ms(loop_now(seeds->loop), next_ms));
	if (!has_changed(seeds))
		return;
	memcpy(seeds->told, seeds->addrs, sizeof(seeds->told));
	seeds->n_told = seeds->n_addrs;
	seeds->fn(seeds->told, seeds->n_told, seeds->arg);
}

static void on_resolved(const struct resolved *resolved, void *arg)
{
	struct seed *seed = arg;
	struct seeds *seeds = OBJ_CAST(struct seeds, seed->seeds, SEEDS_KIND);

	if (resolved->r < 0) {
		seeds->n_failed++;
		LOG_WARN("cluster.join_unresolved", kv_str("seed", seed->text),
			 kv_err(resolved->r));
	}
	for (size_t i = 0; resolved->r == 0 && i < resolved->n_addrs; i++) {
		struct addr addr = resolved->addrs[i];

		addr_set_port(&addr, seed->port);
		add_addr(seeds, &addr);
	}
	MUST(seeds->n_waiting > 0);
	if (--seeds->n_waiting == 0)
		finish(seeds);
}

/* "host:port": the port is checked where the configuration is read; here a bad one is a failure. */
static int ask(struct seeds *seeds, struct seed *seed)
{
	const char *colon = strrchr(seed->text, ':');
	char host[NAME_MAX_BYTES];
	uint64_t port;

	if (!colon || (size_t)(colon - seed->text) >= sizeof(host) ||
	    !span_to_u64(span_str(colon + 1), UINT16_MAX, &port))
		return err_new(-EINVAL);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - seed->text), seed->text);
	seed->port = (uint16_t)port;
	return err_pass(resolver_ask(seeds->resolver, host, on_resolved, seed));
}

static void on_timer(void *arg)
{
	struct seeds *seeds = OBJ_CAST(struct seeds, arg, SEEDS_KIND);

	seeds->n_addrs = seeds->n_failed = 0;
	seeds->n_waiting = 1; /* ourselves, until all are asked */
	for (size_t i = 0; i < seeds->n; i++) {
		struct addr addr;

		if (addr_parse(span_str(seeds->all[i].text), &addr)) {
			add_addr(seeds, &addr);
			continue;
		}
		seeds->n_waiting++;
		if (ask(seeds, &seeds->all[i]) < 0) {
			seeds->n_waiting--;
			seeds->n_failed++;
		}
	}
	if (--seeds->n_waiting == 0)
		finish(seeds);
}

int seeds_new(struct loop *loop, const char *const *join, size_t n_join, seeds_fn fn, void *arg,
	      struct seeds **ret_seeds)
{
	const struct resolver_conf conf = { .servers = NULL };
	struct seeds *seeds = OBJ_NEW(struct seeds, SEEDS_KIND);

	if (!seeds)
		return err_new(-ENOMEM);
	seeds->loop = loop;
	seeds->fn = fn;
	seeds->arg = arg;
	seeds->retry_ms = RETRY_FIRST_MS;
	seeds->all = calloc(n_join + 1, sizeof(*seeds->all));
	int r = seeds->all ? resolver_new(loop, &conf, &seeds->resolver) : err_new(-ENOMEM);
	if (r < 0 || !seeds->all) {
		seeds_free(seeds);
		return err_pass(r);
	}
	for (size_t i = 0; i < n_join; i++)
		seeds->all[i] = (struct seed){ .seeds = seeds, .text = join[i] };
	seeds->n = n_join;
	loop_timer_init(&seeds->timer, loop, on_timer, seeds);
	loop_timer_set(&seeds->timer, loop_now(loop));
	*ret_seeds = seeds;
	return 0;
}

void seeds_free(struct seeds *seeds)
{
	if (!seeds)
		return;
	MUST(seeds->kind == SEEDS_KIND);
	loop_timer_stop(&seeds->timer);
	resolver_free(seeds->resolver);
	free(seeds->all);
	OBJ_FREE(seeds);
}
