/* SPDX-License-Identifier: Apache-2.0
 *
 * geo: see the header. A ranking is the list of region indexes in order of distance. Many places
 * share one; equal ones are kept once, and neighbouring networks of one ranking are one leaf of the
 * tree, so a database of half a million networks folds, for three regions, into a few thousand
 * leaves.
 */
#include "gtm/geo/geo.h"

#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"
#include "core/table.h"
#include "gtm/geo/geo_db.h"

#include <stdatomic.h>

struct order { /* one ranking, while the trees are made */
	UT_hash_handle hh;
	uint32_t index;
	uint8_t regions[GEO_MAX_REGIONS];
};

struct geo_ranking {
	uint32_t kind;
	_Atomic uint32_t n_refs;
	struct geo_place places[GEO_MAX_REGIONS];
	size_t n_places;
	struct geo_db *db;           /* owned: for geo_locate() */
	struct prefix_tree *v4, *v6; /* owned */
	uint8_t *orders;             /* owned; n_places bytes each */
	size_t n_orders, cap_orders;
	struct order *by_bytes; /* empty once built */
};

#define RANKING_KIND OBJ_KIND('g', 'e', 'o', 'r')

static double distance_km(const struct geo_ranking *ranking, size_t region, struct geo_place from)
{
	const struct geo_place *place = &ranking->places[region];

	return place->known && from.known ? place_distance_km(*place, from) : -1.0;
}

/* Nearest first; those of unknown distance last; else in the configured order. */
static bool is_nearer(double a_km, double b_km)
{
	if (a_km < 0 || b_km < 0)
		return a_km >= 0;
	return a_km < b_km;
}

static void order_regions(const struct geo_ranking *ranking, struct geo_place from,
			  uint8_t *ret_order)
{
	double km[GEO_MAX_REGIONS];

	for (size_t i = 0; i < ranking->n_places; i++) {
		size_t at = i;
		km[i] = distance_km(ranking, i, from);
		for (; at > 0 && is_nearer(km[i], km[ret_order[at - 1]]); at--)
			ret_order[at] = ret_order[at - 1];
		ret_order[at] = (uint8_t)i;
	}
}

static int keep_order(struct geo_ranking *ranking, const uint8_t *regions)
{
	if (ranking->n_orders == ranking->cap_orders) {
		size_t cap = ranking->cap_orders ? ranking->cap_orders * 2 : 64;
		uint8_t *orders = reallocarray(ranking->orders, cap, ranking->n_places);
		if (!orders)
			return err_new(-ENOMEM);
		ranking->orders = orders;
		ranking->cap_orders = cap;
	}
	memcpy(ranking->orders + ranking->n_orders * ranking->n_places, regions, ranking->n_places);
	ranking->n_orders++;
	return 0;
}

static int add_order(struct geo_ranking *ranking, const uint8_t *regions, uint32_t *ret_index)
{
	struct order *order = calloc(1, sizeof(*order));
	if (!order)
		return err_new(-ENOMEM);
	memcpy(order->regions, regions, ranking->n_places);
	order->index = (uint32_t)ranking->n_orders;

	int r = keep_order(ranking, regions);
	if (r == 0 &&
	    !TABLE_ADD(ranking->by_bytes, span_of(order->regions, ranking->n_places), order))
		r = -ENOMEM;
	if (r < 0) {
		free(order);
		return err_pass(r);
	}
	*ret_index = order->index;
	return 0;
}

/* What the tree says for a record: the number of its ranking. */
static int on_record(const struct geo_record *record, void *arg, uint32_t *ret_value)
{
	struct geo_ranking *ranking = OBJ_CAST(struct geo_ranking, arg, RANKING_KIND);
	uint8_t regions[GEO_MAX_REGIONS] = { 0 };
	struct order *found = NULL;

	if (!record->place.known) {
		*ret_value = PREFIX_TREE_NONE;
		return 0;
	}
	order_regions(ranking, record->place, regions);
	TABLE_FIND(ranking->by_bytes, span_of(regions, ranking->n_places), found);
	if (found) {
		*ret_value = found->index;
		return 0;
	}
	return add_order(ranking, regions, ret_value);
}

static void forget_orders(struct geo_ranking *ranking)
{
	struct order *order, *next;

	TABLE_FOREACH (ranking->by_bytes, order, next) {
		TABLE_DELETE(ranking->by_bytes, order);
		free(order);
	}
}

static int build(struct geo_ranking *ranking, const struct geo_conf *conf)
{
	const char *why = "out of memory";

	int r = geo_db_open(conf->database, conf->country_path, &ranking->db, &why);
	if (r == 0)
		r = geo_db_fold(ranking->db, true, on_record, ranking, &ranking->v4);
	if (r == 0)
		r = geo_db_fold(ranking->db, false, on_record, ranking, &ranking->v6);
	forget_orders(ranking);
	if (r < 0) {
		LOG_WARN("geo.unavailable", kv_str("file", conf->database), kv_str("reason", why),
			 kv_err(r), kv_str("then", "regions are tried in the configured order"));
		return err_pass(r);
	}
	if (ranking->n_orders == 0) {
		LOG_WARN("geo.empty", kv_str("file", conf->database),
			 kv_str("reason", "no record has a location or a known country"),
			 kv_str("then", "check geography.country_path"));
		return err_new(-EINVAL);
	}
	LOG_INFO("geo.loaded", kv_str("file", conf->database),
		 kv_uint("rankings", ranking->n_orders),
		 kv_uint("nodes_v4", prefix_tree_n_nodes(ranking->v4)),
		 kv_uint("nodes_v6", prefix_tree_n_nodes(ranking->v6)));
	return 0;
}

int geo_ranking_new(const struct geo_conf *conf, const struct geo_place *places, size_t n_places,
		    struct geo_ranking **ret_ranking)
{
	MUST(n_places > 0 && n_places <= GEO_MAX_REGIONS);
	struct geo_ranking *ranking = OBJ_NEW(struct geo_ranking, RANKING_KIND);
	if (!ranking)
		return err_new(-ENOMEM);
	ranking->n_refs = 1;
	ranking->n_places = n_places;
	memcpy(ranking->places, places, n_places * sizeof(*places));

	int r = build(ranking, conf);
	if (r < 0) {
		geo_ranking_unref(ranking);
		return err_pass(r);
	}
	*ret_ranking = ranking;
	return 0;
}

struct geo_ranking *geo_ranking_ref(struct geo_ranking *ranking)
{
	atomic_fetch_add_explicit(&ranking->n_refs, 1, memory_order_relaxed);
	return ranking;
}

void geo_ranking_unref(struct geo_ranking *ranking)
{
	if (!ranking || atomic_fetch_sub_explicit(&ranking->n_refs, 1, memory_order_acq_rel) != 1)
		return;
	geo_db_close(ranking->db);
	prefix_tree_free(ranking->v4);
	prefix_tree_free(ranking->v6);
	free(ranking->orders);
	OBJ_FREE(ranking);
}

size_t geo_ranking_n_regions(const struct geo_ranking *ranking)
{
	return ranking->n_places;
}

struct geo_match geo_rank(const struct geo_ranking *ranking, const struct client_net *client)
{
	struct prefix_match found = client->is_v4
					    ? prefix_tree_match(ranking->v4, client->key + 12, 32)
					    : prefix_tree_match(ranking->v6, client->key, 128);
	struct geo_match match = { .scope_bits = found.depth };

	if (found.value != PREFIX_TREE_NONE)
		match.order = ranking->orders + (size_t)found.value * ranking->n_places;
	return match;
}

void geo_locate(const struct geo_ranking *ranking, const struct client_net *client,
		struct geo_origin *ret_origin)
{
	struct geo_record record = { 0 };

	(void)geo_db_find(ranking->db, client, &record);
	*ret_origin = (struct geo_origin){ .place = record.place };
	memcpy(ret_origin->country, record.country, sizeof(record.country));
	for (size_t i = 0; i < ranking->n_places; i++)
		ret_origin->km[i] = distance_km(ranking, i, record.place);
}
