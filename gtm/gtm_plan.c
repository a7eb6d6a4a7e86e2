/* SPDX-License-Identifier: Apache-2.0
 *
 * gtm_plan: see the header. What is wrong with the configuration and with each zone file is said
 * all at once. A geography that cannot be read is no error: it was warned of, and regions are tried
 * in order.
 */
#include "gtm/gtm_plan.h"

#include "core/error.h"
#include "core/obj.h"
#include "gtm/zone/zone_load.h"

enum { MAX_ERROR_BYTES = 256 * 1024 };

static void plan_free(struct snapshot *snapshot)
{
	struct gtm_plan *plan = CONTAINER_OF(snapshot, struct gtm_plan, snapshot);

	if (plan->zones)
		snapshot_unref(zone_set_snapshot(plan->zones));
	geo_ranking_unref(plan->geo);
	conf_free(plan->conf);
	free(plan);
}

struct gtm_plan *gtm_plan_ref(struct gtm_plan *plan)
{
	snapshot_ref(&plan->snapshot);
	return plan;
}

void gtm_plan_unref(struct gtm_plan *plan)
{
	if (plan)
		snapshot_unref(&plan->snapshot);
}

/* ---- steering ------------------------------------------------------------------------------ */

static void set_fallback(const struct gtm_conf *gtm, struct steer_name_conf *name)
{
	for (size_t i = 0; i < gtm->n_fallback; i++) {
		const struct gtm_fallback_conf *fallback = &gtm->fallback[i];
		if (!fallback->name || strcasecmp(fallback->name, name->name) != 0)
			continue;
		name->fallback = fallback->addresses;
		name->n_fallback = fallback->n_addresses;
	}
}

static int make_regions(struct gtm_plan *plan)
{
	const struct gtm_conf *gtm = plan->gtm;
	struct steer_region_conf *regions =
		conf_alloc(plan->conf, (gtm->n_regions + 1) * sizeof(*regions));

	if (!regions)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < gtm->n_regions; i++) {
		const struct gtm_region_conf *region = &gtm->regions[i];
		regions[i] = (struct steer_region_conf){
			.name = region->name,
			.latitude = region->location.latitude,
			.longitude = region->location.longitude,
			.has_location = region->location.set,
			.addresses = region->addresses,
			.n_addresses = region->n_addresses,
			.static_addresses = region->static_addresses,
			.n_static_addresses = region->n_static_addresses,
		};
	}
	plan->steer.regions = regions;
	plan->steer.n_regions = gtm->n_regions;
	return 0;
}

static size_t count_names(const struct gtm_conf *gtm)
{
	size_t n = 0;

	for (size_t i = 0; i < gtm->dns.n_zones; i++)
		n += gtm->dns.zones[i].n_steer;
	return n;
}

/* In the order of the file: a name's index is what its zone's node says. */
static int make_names(struct gtm_plan *plan)
{
	const struct gtm_conf *gtm = plan->gtm;
	struct steer_name_conf *names =
		conf_alloc(plan->conf, (count_names(gtm) + 1) * sizeof(*names));

	if (!names)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < gtm->dns.n_zones; i++) {
		for (size_t k = 0; k < gtm->dns.zones[i].n_steer; k++) {
			const struct gtm_steer_conf *steer = &gtm->dns.zones[i].steer[k];
			struct steer_name_conf *name = &names[plan->steer.n_names++];
			*name = (struct steer_name_conf){
				.name = steer->name,
				.service = steer->service,
				.ttl_s = (uint32_t)(steer->ttl_ms / MS_PER_S),
				.n_answers = steer->answers,
			};
			set_fallback(gtm, name);
		}
	}
	plan->steer.names = names;
	return 0;
}

static int load_geography(struct gtm_plan *plan)
{
	const struct gtm_geography_conf *geography = &plan->gtm->geography;
	struct geo_place places[GEO_MAX_REGIONS];
	const char **path = NULL;

	if (!geography->database || plan->gtm->n_regions == 0)
		return 0;
	if (geography->n_country_path) {
		path = conf_alloc(plan->conf, (geography->n_country_path + 1) * sizeof(*path));
		if (!path)
			return err_new(-ENOMEM);
		memcpy(path, geography->country_path, geography->n_country_path * sizeof(*path));
		path[geography->n_country_path] = NULL;
	}
	for (size_t i = 0; i < plan->gtm->n_regions; i++) {
		const struct node_location *location = &plan->gtm->regions[i].location;
		places[i] = (struct geo_place){ location->latitude, location->longitude,
						location->set };
	}
	const struct geo_conf conf = { geography->database, path };
	int r = geo_ranking_new(&conf, places, plan->gtm->n_regions, &plan->geo);
	return r == -ENOMEM ? err_pass(r) : 0;
}

/* ---- zones --------------------------------------------------------------------------------- */

static int load_zone(struct gtm_plan *plan, const struct gtm_zone_conf *zone, int32_t first_index,
		     struct buf *zone_errors)
{
	CLEANUP(free_drop)
	struct zone_steer_name *steer = calloc(zone->n_steer + 1, sizeof(*steer));
	struct zone *loaded;

	if (!steer)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < zone->n_steer; i++)
		steer[i] =
			(struct zone_steer_name){ zone->steer[i].name, first_index + (int32_t)i };
	size_t before = zone_errors->len;
	int r = zone_load(zone->file, zone->name, steer, zone->n_steer, zone_errors, &loaded);
	if (r == 0)
		return err_pass(zone_set_add(plan->zones, loaded));
	if (r == -ENOMEM)
		return err_pass(r);
	if (r != -EINVAL) { /* the file itself: said at the key that names it */
		zone_errors->len = before;
		conf_fault(plan->conf, &zone->file, "%s cannot be read: %s", zone->file,
			   err_text(r));
	}
	return 0;
}

static bool is_loadable(const struct gtm_zone_conf *zone)
{
	uint8_t wire[ZONE_MAX_NAME];
	bool right = zone->name && zone->file && zone_name_from_text(zone->name, wire);

	for (size_t i = 0; i < zone->n_steer; i++)
		right = right && zone->steer[i].name &&
			zone_name_from_text(zone->steer[i].name, wire);
	return right;
}

static int load_zones(struct gtm_plan *plan, struct buf *zone_errors)
{
	int32_t index = 0;
	int r = zone_set_new(&plan->zones);

	for (size_t i = 0; r == 0 && i < plan->gtm->dns.n_zones; i++) {
		const struct gtm_zone_conf *zone = &plan->gtm->dns.zones[i];
		if (is_loadable(zone))
			r = load_zone(plan, zone, index, zone_errors);
		if (r == -EEXIST || r == -ERANGE) /* gtm_conf_check() has said so */
			r = 0;
		index += (int32_t)zone->n_steer;
	}
	return err_pass(r);
}

static int fill(struct gtm_plan *plan, struct buf *zone_errors)
{
	gtm_conf_check(plan->conf, plan->gtm);
	int r = load_zones(plan, zone_errors);
	if (r < 0 || conf_n_errors(plan->conf) || zone_errors->len)
		return err_pass(r);
	r = make_regions(plan);
	if (r == 0)
		r = make_names(plan);
	if (r == 0)
		r = load_geography(plan);
	return err_pass(r);
}

int gtm_plan_read(const char *path, struct buf *errors, struct gtm_plan **ret_plan)
{
	struct gtm_plan *plan = calloc(1, sizeof(*plan));
	struct buf zone_errors;
	void *root = NULL;

	if (!plan)
		return err_new(-ENOMEM);
	snapshot_init(&plan->snapshot, plan_free);
	buf_init(&zone_errors, MAX_ERROR_BYTES);
	int r = conf_read_file(path, &gtm_section, &plan->conf, &root);
	plan->gtm = root;
	if (r == 0)
		r = fill(plan, &zone_errors);
	if (r == 0 && (conf_n_errors(plan->conf) || zone_errors.len)) {
		buf_add(errors, buf_span(&zone_errors));
		if (conf_n_errors(plan->conf))
			conf_print_errors(plan->conf, errors);
		r = GTM_PLAN_WRONG;
	}
	buf_fini(&zone_errors);
	if (r != 0) {
		gtm_plan_unref(plan);
		return r < 0 ? err_pass(r) : r;
	}
	*ret_plan = plan;
	return GTM_PLAN_MADE;
}

/* ---- the world ----------------------------------------------------------------------------- */

static void world_free(struct snapshot *snapshot)
{
	struct gtm_world *world = CONTAINER_OF(snapshot, struct gtm_world, snapshot);

	if (world->steer)
		snapshot_unref(steer_table_snapshot(world->steer));
	gtm_plan_unref(world->plan);
	free(world);
}

int gtm_world_new(struct gtm_plan *plan, struct view *view, struct gtm_world **ret_world)
{
	struct gtm_world *world = calloc(1, sizeof(*world));

	if (!world)
		return err_new(-ENOMEM);
	snapshot_init(&world->snapshot, world_free);
	world->plan = gtm_plan_ref(plan);
	int r = steer_table_new(&plan->steer, plan->geo, view, &world->steer);
	if (r < 0) {
		gtm_world_unref(world);
		return err_pass(r);
	}
	*ret_world = world;
	return 0;
}

void gtm_world_unref(struct gtm_world *world)
{
	if (world)
		snapshot_unref(&world->snapshot);
}
