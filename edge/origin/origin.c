/* SPDX-License-Identifier: Apache-2.0
 *
 * origin: a set is an array of counted origins; a new view makes a new array and carries over who
 * stays.
 */
#include "edge/origin/origin.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/origin/origin_priv.h"
#include "edge/origin/resolve.h"

enum { ORIGIN_BUDGET = 1000 * 1000 };

#define SET_KIND OBJ_KIND('o', 's', 'e', 't')

struct origin_set {
	uint32_t kind;
	struct origin_shared *shared;
	struct origin **origins; /* owned; a reference to each */
	size_t n_origins;
};

static void shared_unref(struct origin_shared *shared)
{
	struct kept *kept;

	MUST(shared->n_refs > 0);
	if (--shared->n_refs > 0)
		return;
	while ((kept = LIST_FIRST(&shared->free_kept))) {
		LIST_REMOVE(kept, link);
		free(kept);
	}
	h2_clients_fini(&shared->http2);
	tls_unref(shared->setup.tls);
	free(shared);
}

struct origin *origin_ref(struct origin *origin)
{
	MUST(origin->kind == ORIGIN_KIND && origin->n_refs > 0);
	origin->n_refs++;
	return origin;
}

void origin_unref(struct origin *origin)
{
	if (!origin)
		return;
	MUST(origin->kind == ORIGIN_KIND && origin->n_refs > 0);
	if (--origin->n_refs > 0)
		return;
	origin_close_kept(origin);
	origin_http2_close(origin);
	shared_unref(origin->shared);
	tls_resume_unref(origin->resume);
	free(origin->server_name);
	OBJ_FREE(origin);
}

/* The name to ask for and to verify: the pool's, else the host of the server as configured. */
static char *server_name_new(const struct origin_shared *shared, const char *server)
{
	struct span host = span_str(shared->setup.server_name);
	uint16_t port;

	if (!host.at && !resolve_split(span_str(server), &host, &port))
		return NULL;
	return strndup((const char *)host.at, host.len);
}

static struct origin *origin_new(struct origin_shared *shared, const struct origin_fact *fact)
{
	struct origin *origin = OBJ_NEW(struct origin, ORIGIN_KIND);

	if (!origin)
		return NULL;
	origin->n_refs = 1;
	origin->id = fact->id;
	origin->addr = fact->addr;
	LIST_INIT(&origin->kept);
	LIST_INIT(&origin->clients);
	TAILQ_INIT(&origin->waiting);
	origin->http2_known = shared->setup.protocol == POOL_HTTP2;
	if (shared->setup.tls) {
		origin->server_name = server_name_new(shared, fact->server);
		if (!origin->server_name || tls_resume_new(&origin->resume) < 0) {
			free(origin->server_name);
			OBJ_FREE(origin);
			return NULL;
		}
	}
	origin->shared = shared;
	shared->n_refs++;
	return origin;
}

static void origins_free(struct origin **origins, size_t n_origins)
{
	for (size_t i = 0; i < n_origins; i++)
		origin_unref(origins[i]);
	free(origins);
}

static void http2_init(struct origin_shared *shared)
{
	const struct origin_setup *setup = &shared->setup;
	struct h2_limits limits = h2_limits_usual;

	/* Origins are ours: what they do is no attack. */
	limits.resets = limits.controls =
		(struct h2_budget_conf){ .burst = ORIGIN_BUDGET, .per_s = ORIGIN_BUDGET };
	limits.head.max_bytes = setup->limits.max_head_bytes;
	limits.head_timeout_ms = setup->connect_timeout_ms;
	limits.idle_timeout_ms = setup->idle_timeout_ms;
	limits.write_timeout_ms = setup->limits.send_timeout_ms;
	h2_clients_init(&shared->http2, setup->loop, setup->slab, setup->metrics, &limits);
}

int origin_set_new(const struct origin_setup *setup, struct origin_set **ret_set)
{
	struct origin_shared *shared = calloc(1, sizeof(*shared));
	struct origin_set *set = OBJ_NEW(struct origin_set, SET_KIND);

	if (!shared || !set) {
		free(shared);
		free(set);
		return err_new(-ENOMEM);
	}
	shared->n_refs = 1;
	shared->setup = *setup;
	if (setup->tls)
		tls_ref(setup->tls);
	LIST_INIT(&shared->free_kept);
	http2_init(shared);
	set->shared = shared;
	*ret_set = set;
	return 0;
}

/* A fetch may still hold it; from now on nothing is kept. */
static void origin_retire(struct origin *origin)
{
	origin->retired = true;
	origin_close_kept(origin);
	origin_http2_retire(origin);
}

void origin_set_free(struct origin_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->n_origins; i++)
		origin_retire(set->origins[i]);
	origins_free(set->origins, set->n_origins);
	shared_unref(set->shared);
	OBJ_FREE(set);
}

static struct origin *origin_find(const struct origin_set *set, uint64_t id)
{
	for (size_t i = 0; i < set->n_origins; i++) {
		if (set->origins[i]->id == id)
			return set->origins[i];
	}
	return NULL;
}

int origin_set_update(struct origin_set *set, const struct origin_fact *facts, size_t n_facts)
{
	struct origin **origins = calloc(n_facts + 1, sizeof(struct origin *));

	MUST(set->kind == SET_KIND);
	if (!origins)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n_facts; i++) {
		struct origin *known = origin_find(set, facts[i].id);
		origins[i] = known ? origin_ref(known) : origin_new(set->shared, &facts[i]);
		if (!origins[i]) {
			origins_free(origins, i);
			return err_new(-ENOMEM);
		}
	}
	for (size_t i = 0; i < set->n_origins; i++) {
		bool stays = false;
		for (size_t j = 0; j < n_facts && !stays; j++)
			stays = origins[j] == set->origins[i];
		if (!stays)
			origin_retire(set->origins[i]);
	}
	origins_free(set->origins, set->n_origins);
	set->origins = origins;
	set->n_origins = n_facts;
	return 0;
}

size_t origin_set_count(const struct origin_set *set)
{
	return set->n_origins;
}

struct origin *origin_set_at(const struct origin_set *set, size_t i)
{
	MUST(i < set->n_origins);
	return set->origins[i];
}

const struct requester_limits *origin_limits(const struct origin *origin)
{
	return &origin->shared->setup.limits;
}

uint64_t origin_own_id(const struct origin *origin)
{
	return origin->id;
}

const struct addr *origin_addr(const struct origin *origin)
{
	return &origin->addr;
}

bool origin_is_tls(const struct origin *origin)
{
	return origin->shared->setup.tls != NULL;
}
