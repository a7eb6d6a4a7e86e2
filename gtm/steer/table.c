/* SPDX-License-Identifier: Apache-2.0
 *
 * table: builds a steer table from the configuration and the cluster's view. Control thread.
 *
 * Of each region and name it asks, in this order: which live edges have the service, how much of
 * their capacity says that it works, which of their addresses may this region have. If no region is
 * left, the same is asked again as if everything worked: an answer that may fail is better than
 * none.
 */
#include "gtm/steer/table.h"

#include <math.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/obj.h"

/* ---- who may answer ------------------------------------------------------------------------ */

static bool is_allowed(const struct steer_region_conf *region, const struct addr *addr)
{
	for (size_t i = 0; i < region->n_addresses; i++) {
		if (prefix_has(&region->addresses[i], addr))
			return true;
	}
	return false;
}

static bool is_here(const struct view_member *member, const struct steer_region_conf *region)
{
	return (member->roles & ROLE_EDGE) && strcmp(member->region, region->name) == 0;
}

static bool is_live(const struct view_member *member)
{
	return (member->state == MEMBER_ALIVE || member->state == MEMBER_SUSPECT) &&
	       !member->draining;
}

static bool works(const struct view_service *service)
{
	return service->health == HEALTH_UP || service->health == HEALTH_DEGRADED;
}

static uint32_t weight_of(const struct view_member *member)
{
	return member->capacity_rps ? member->capacity_rps : 1;
}

/* Which members' addresses are used: those for whom it works; or, to fail open, all that were not
 * taken out by an operator. */
static bool is_usable(const struct view_member *member, const struct view_service *service,
		      bool fail_open)
{
	if (fail_open)
		return !member->draining && member->state != MEMBER_LEFT;
	return is_live(member) && works(service);
}

/* ---- one site ------------------------------------------------------------------------------ */

static int add_edge(struct steer_site *site, const struct steer_edge *edge, uint32_t ttl_s)
{
	bool v4 = addr_ip(&edge->addr).len == 4;
	struct steer_site_family *family = &site->families[v4 ? STEER_A : STEER_AAAA];

	if (family->n_edges == STEER_MAX_EDGES)
		return 0;
	struct steer_edge *edges = reallocarray(family->edges, family->n_edges + 1, sizeof(*edges));
	if (!edges)
		return err_new(-ENOMEM);
	family->edges = edges;
	edges[family->n_edges] = *edge;
	edges[family->n_edges].image = image_address(&edge->addr, ttl_s);
	if (!edges[family->n_edges].image)
		return err_new(-ENOMEM);
	family->n_edges++;
	return 0;
}

static int add_member(struct steer_site *site, const struct steer_region_conf *region,
		      const struct view_member *member, uint32_t ttl_s)
{
	struct steer_edge edge = {
		.name = member->name,
		.weight = weight_of(member),
		.id_hash = hash_fixed(span_of(member->id.bytes, MEMBER_ID_BYTES), 0),
	};

	for (size_t i = 0; i < member->n_addresses; i++) {
		edge.addr = member->addresses[i];
		if (!is_allowed(region, &edge.addr)) {
			site->n_refused++;
			continue;
		}
		int r = add_edge(site, &edge, ttl_s);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

static int add_static(struct steer_site *site, const struct steer_region_conf *region,
		      uint32_t ttl_s)
{
	for (size_t i = 0; i < region->n_static_addresses; i++) {
		const struct addr *addr = &region->static_addresses[i];
		struct steer_edge edge = {
			.name = "static",
			.addr = *addr,
			.weight = 1,
			.id_hash = hash_fixed(addr_ip(addr), 0),
		};
		int r = add_edge(site, &edge, ttl_s);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

/* What the live edges of a region say of the service, by capacity. */
static void judge(struct steer_site *site, const struct view *view,
		  const struct steer_region_conf *region, const char *service_name)
{
	uint64_t live = 0, working = 0;

	for (size_t i = 0; view && i < view->n_members; i++) {
		const struct view_member *member = &view->members[i];
		if (!is_here(member, region))
			continue;
		const struct view_service *service = view_service_by_name(member, service_name);
		site->known |= service != NULL;
		if (!service || !is_live(member))
			continue;
		site->n_live++;
		live += weight_of(member);
		if (works(service)) {
			site->n_works++;
			working += weight_of(member);
		}
	}
	if (live)
		site->share_pct = (uint8_t)(working * 100 / live);
	site->up = live && site->share_pct >= STEER_UP_SHARE_PCT;
	site->why = site->up       ? "up"
		    : !site->known ? "no edge has named the service"
		    : !live        ? "no live edge"
				   : "its edges say it does not work";
	if (region->n_static_addresses > 0 && !site->up) {
		site->up = site->known = true;
		site->why = "static addresses";
	}
}

static int fill(struct steer_site *site, const struct view *view,
		const struct steer_region_conf *region, const struct steer_name_conf *name,
		bool fail_open)
{
	for (size_t i = 0; view && i < view->n_members; i++) {
		const struct view_member *member = &view->members[i];
		const struct view_service *service = view_service_by_name(member, name->service);
		if (!is_here(member, region) || !service || !is_usable(member, service, fail_open))
			continue;
		int r = add_member(site, region, member, name->ttl_s);
		if (r < 0)
			return err_pass(r);
	}
	return err_pass(add_static(site, region, name->ttl_s));
}

/* ---- which edge comes first in a bucket ---------------------------------------------------- */

/* Weighted rendezvous (highest random weight): -w / ln(u), u from the hash of edge and bucket. */
static double score(const struct steer_edge *edge, unsigned bucket)
{
	uint32_t row = bucket;
	uint64_t hash = hash_fixed(span_of(&row, sizeof(row)), edge->id_hash);
	double unit = ((double)(hash >> 11) + 0.5) / 9007199254740992.0; /* 2^53 */

	return -(double)edge->weight / log(unit);
}

static void fill_bucket(struct steer_site_family *family, unsigned bucket)
{
	double best[STEER_MAX_ANSWERS];
	uint16_t *picks = family->buckets + bucket * family->n_picks;
	size_t n = 0;

	for (size_t i = 0; i < family->n_edges; i++) {
		double mine = score(&family->edges[i], bucket);
		size_t at = n;
		while (at > 0 && best[at - 1] < mine)
			at--;
		if (at == family->n_picks)
			continue;
		n = MIN(n + 1, family->n_picks);
		memmove(best + at + 1, best + at, (n - at - 1) * sizeof(*best));
		memmove(picks + at + 1, picks + at, (n - at - 1) * sizeof(*picks));
		best[at] = mine;
		picks[at] = (uint16_t)i;
	}
}

static int make_buckets(struct steer_site_family *family, unsigned n_answers)
{
	if (family->n_edges == 0)
		return 0;
	family->n_picks = MIN(MIN(n_answers, (unsigned)STEER_MAX_ANSWERS), family->n_edges);
	family->buckets = calloc(STEER_BUCKETS * family->n_picks, sizeof(*family->buckets));
	if (!family->buckets)
		return err_new(-ENOMEM);
	for (unsigned i = 0; i < STEER_BUCKETS; i++)
		fill_bucket(family, i);
	return 0;
}

/* ---- rows and the table -------------------------------------------------------------------- */

static int make_fallback(struct steer_row *row, const struct steer_name_conf *name)
{
	for (size_t i = 0; i < name->n_fallback; i++) {
		bool v4 = addr_ip(&name->fallback[i]).len == 4;
		enum steer_family family = v4 ? STEER_A : STEER_AAAA;
		if (row->n_fallback[family] == STEER_MAX_ANSWERS)
			continue;
		struct rr_image *image = image_address(&name->fallback[i], name->ttl_s);
		if (!image)
			return err_new(-ENOMEM);
		row->fallback[family][row->n_fallback[family]++] = image;
	}
	return 0;
}

static int fill_sites(struct steer_table *table, struct steer_row *row,
		      const struct steer_name_conf *name)
{
	for (size_t i = 0; i < table->conf->n_regions; i++) {
		struct steer_site *site = &row->sites[i];
		if (!site->up && !row->fail_open)
			continue;
		int r = fill(site, table->view, &table->conf->regions[i], name, row->fail_open);
		for (size_t f = 0; r == 0 && f < STEER_N_FAMILIES; f++)
			r = make_buckets(&site->families[f], name->n_answers);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

static int make_row(struct steer_table *table, struct steer_row *row,
		    const struct steer_name_conf *name)
{
	bool any_up = false;

	row->sites = calloc(table->conf->n_regions + 1, sizeof(*row->sites));
	if (!row->sites)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < table->conf->n_regions; i++) {
		judge(&row->sites[i], table->view, &table->conf->regions[i], name->service);
		any_up |= row->sites[i].up;
		row->known |= row->sites[i].known;
	}
	row->fail_open = row->known && !any_up;
	int r = make_fallback(row, name);
	if (r == 0)
		r = fill_sites(table, row, name);
	return err_pass(r);
}

static void free_row(struct steer_row *row, size_t n_regions)
{
	for (size_t i = 0; row->sites && i < n_regions * STEER_N_FAMILIES; i++) {
		struct steer_site_family *family =
			&row->sites[i / STEER_N_FAMILIES].families[i % STEER_N_FAMILIES];
		for (size_t e = 0; e < family->n_edges; e++)
			free(family->edges[e].image);
		free(family->edges);
		free(family->buckets);
	}
	free(row->sites);
	for (size_t f = 0; f < STEER_N_FAMILIES; f++) {
		for (size_t i = 0; i < row->n_fallback[f]; i++)
			free(row->fallback[f][i]);
	}
}

static void free_table(struct snapshot *snapshot)
{
	struct steer_table *table = CONTAINER_OF(snapshot, struct steer_table, snapshot);

	for (size_t i = 0; table->rows && i < table->conf->n_names; i++)
		free_row(&table->rows[i], table->conf->n_regions);
	free(table->rows);
	geo_ranking_unref(table->geo);
	view_unref(table->view);
	OBJ_FREE(table);
}

int steer_table_new(const struct steer_conf *conf, struct geo_ranking *geo, struct view *view,
		    struct steer_table **ret_table)
{
	MUST(conf->n_regions <= STEER_MAX_REGIONS);
	MUST(!geo || geo_ranking_n_regions(geo) == conf->n_regions);
	struct steer_table *table = OBJ_NEW(struct steer_table, STEER_TABLE_KIND);
	if (!table)
		return err_new(-ENOMEM);

	snapshot_init(&table->snapshot, free_table);
	table->conf = conf;
	table->geo = geo ? geo_ranking_ref(geo) : NULL;
	table->view = view ? view_ref(view) : NULL;
	for (size_t i = 0; i < conf->n_regions; i++)
		table->configured_order[i] = (uint8_t)i;

	int r = 0;
	table->rows = calloc(conf->n_names ? conf->n_names : 1, sizeof(*table->rows));
	if (!table->rows)
		r = err_new(-ENOMEM);
	for (size_t i = 0; r == 0 && i < conf->n_names; i++)
		r = make_row(table, &table->rows[i], &conf->names[i]);
	if (r < 0) {
		snapshot_unref(&table->snapshot);
		return err_pass(r);
	}
	*ret_table = table;
	return 0;
}

struct snapshot *steer_table_snapshot(struct steer_table *table)
{
	return &table->snapshot;
}

/* ---- what changed -------------------------------------------------------------------------- */

static void log_site(const struct steer_table *table, size_t name, size_t region,
		     const struct steer_site *old_site, const struct steer_site *new_site)
{
	const char *name_text = table->conf->names[name].name;
	const char *region_text = table->conf->regions[region].name;

	if (new_site->up && !(old_site && old_site->up))
		LOG_INFO("steer.region_up", kv_str("name", name_text),
			 kv_str("region", region_text), kv_uint("edges", new_site->n_works),
			 kv_uint("share_pct", new_site->share_pct));
	if (!new_site->up && old_site && old_site->up)
		LOG_WARN("steer.region_down", kv_str("name", name_text),
			 kv_str("region", region_text), kv_str("reason", new_site->why),
			 kv_uint("live_edges", new_site->n_live),
			 kv_uint("share_pct", new_site->share_pct));
	if (new_site->n_refused > 0 && !(old_site && old_site->n_refused >= new_site->n_refused))
		LOG_WARN("steer.address_refused", kv_str("name", name_text),
			 kv_str("region", region_text), kv_uint("addresses", new_site->n_refused),
			 kv_str("then", "see regions[].addresses: an edge claims what its region "
					"may not have"));
}

void steer_table_log_changes(const struct steer_table *old_table,
			     const struct steer_table *new_table)
{
	bool comparable = old_table && old_table->conf == new_table->conf;

	for (size_t n = 0; n < new_table->conf->n_names; n++) {
		const struct steer_row *new_row = &new_table->rows[n];
		const struct steer_row *old_row = comparable ? &old_table->rows[n] : NULL;
		for (size_t i = 0; i < new_table->conf->n_regions; i++)
			log_site(new_table, n, i, old_row ? &old_row->sites[i] : NULL,
				 &new_row->sites[i]);
		if (new_row->fail_open && !(old_row && old_row->fail_open))
			LOG_ERROR(
				"steer.fail_open", kv_str("name", new_table->conf->names[n].name),
				kv_str("then", "no region is up: clients are sent as if all were"));
		if (!new_row->fail_open && old_row && old_row->fail_open)
			LOG_INFO("steer.fail_open_ended",
				 kv_str("name", new_table->conf->names[n].name));
	}
}
