/* SPDX-License-Identifier: Apache-2.0
 *
 * zone_build: from records in any order to a zone. They are sorted by name, type and data; each run
 * of one name becomes a node, each run of one type in it an image. Names that are only on the way
 * to others become empty nodes, so that they are NODATA and not NXDOMAIN (RFC 8020).
 */
#include "core/error.h"
#include "core/hash.h"
#include "core/obj.h"
#include "gtm/zone/zone_priv.h"

enum { SOA_TAIL = 20, CHUNK = 1024 };

struct record {
	struct span name, rdata;
	uint32_t ttl_s;
	uint16_t type;
	int32_t steer;
};

struct zone_builder {
	uint32_t kind;
	struct arena text; /* names and rdata while building */
	struct zone *zone;
	struct record *records;
	size_t n_records, cap;
	struct span last_name; /* a file names an owner many times in a row */
};

#define BUILDER_KIND OBJ_KIND('z', 'b', 'l', 'd')

int zone_builder_new(struct span apex, struct zone_builder **ret_builder)
{
	struct zone_builder *builder = OBJ_NEW(struct zone_builder, BUILDER_KIND);

	if (!builder)
		return err_new(-ENOMEM);
	arena_init(&builder->text, SIZE_MAX);
	builder->zone = OBJ_NEW(struct zone, ZONE_KIND);
	if (builder->zone) {
		arena_init(&builder->zone->arena, SIZE_MAX);
		builder->zone->apex = arena_copy(&builder->zone->arena, apex);
	}
	if (!builder->zone || !builder->zone->apex.at) {
		zone_builder_free(builder);
		return err_new(-ENOMEM);
	}
	*ret_builder = builder;
	return 0;
}

void zone_builder_free(struct zone_builder *builder)
{
	if (!builder)
		return;
	zone_free(builder->zone);
	arena_fini(&builder->text);
	free(builder->records);
	OBJ_FREE(builder);
}

void zone_free(struct zone *zone)
{
	if (!zone)
		return;
	arena_fini(&zone->arena);
	free(zone->slots);
	OBJ_FREE(zone);
}

static bool in_zone(const struct zone *zone, struct span name)
{
	while (name.len > zone->apex.len)
		name = span_from(name, (size_t)name.at[0] + 1);
	return span_eq(name, zone->apex);
}

static int add(struct zone_builder *builder, struct record record)
{
	if (!in_zone(builder->zone, record.name))
		return err_new(-ERANGE);
	if (builder->n_records == builder->cap) {
		size_t cap = builder->cap ? builder->cap * 2 : CHUNK;
		struct record *records = reallocarray(builder->records, cap, sizeof(*records));
		if (!records)
			return err_new(-ENOMEM);
		builder->records = records;
		builder->cap = cap;
	}
	if (!span_eq(builder->last_name, record.name))
		builder->last_name = arena_copy(&builder->text, record.name);
	record.name = builder->last_name;
	record.rdata = arena_copy(&builder->text, record.rdata);
	if (!record.name.at || !record.rdata.at)
		return err_new(-ENOMEM);
	builder->records[builder->n_records++] = record;
	return 0;
}

int zone_builder_add(struct zone_builder *builder, struct span name, uint16_t type, uint32_t ttl_s,
		     struct span rdata)
{
	return err_pass(add(builder, (struct record){ name, rdata, ttl_s, type, ZONE_NO_STEER }));
}

int zone_builder_steer(struct zone_builder *builder, struct span name, int32_t index)
{
	return err_pass(add(builder, (struct record){ name, SPAN_NONE, 0, 0, index }));
}

static int compare_spans(struct span a, struct span b)
{
	int order = memcmp(a.at, b.at, MIN(a.len, b.len));

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name_type_data(const void *left, const void *right)
{
	const struct record *a = left, *b = right;
	int order = a->name.at == b->name.at ? 0 : compare_spans(a->name, b->name);

	if (order == 0)
		order = (a->type > b->type) - (a->type < b->type);
	return order ? order : compare_spans(a->rdata, b->rdata);
}

/* ---- nodes --------------------------------------------------------------------------------- */

static int put_node(struct zone *zone, const struct zone_node *node)
{
	size_t at = hash_keyed(node->name) & zone->mask;

	while (zone->slots[at])
		at = (at + 1) & zone->mask;
	zone->slots[at] = node;
	zone->n_nodes++;
	return 0;
}

static int rehash(struct zone *zone)
{
	const struct zone_node **old = zone->slots;
	size_t n_old = old ? zone->mask + 1 : 0;
	size_t n_slots = n_old ? n_old * 2 : CHUNK;

	zone->slots = calloc(n_slots, sizeof(struct zone_node *));
	if (!zone->slots) {
		zone->slots = old;
		return err_new(-ENOMEM);
	}
	zone->mask = n_slots - 1;
	zone->n_nodes = 0;
	for (size_t i = 0; i < n_old; i++) {
		if (old[i])
			put_node(zone, old[i]);
	}
	free(old);
	return 0;
}

static int add_node(struct zone *zone, const struct zone_node *node)
{
	int r = 0;

	if (!zone->slots || zone->n_nodes * 2 > zone->mask)
		r = rehash(zone);
	return r < 0 ? err_pass(r) : put_node(zone, node);
}

static size_t run_of(const struct record *records, size_t n, bool by_type)
{
	size_t len = 1;

	while (len < n && span_eq(records[len].name, records[0].name) &&
	       (!by_type || records[len].type == records[0].type))
		len++;
	return len;
}

/* One record set; equal records are one (RFC 2181 5), and all have the least TTL. */
static const struct rr_image *make_image(struct arena *arena, const struct record *records,
					 size_t n)
{
	size_t len = 0;
	uint32_t ttl_s = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		len += image_record_len(records[i].rdata.len);
		ttl_s = MIN(ttl_s, records[i].ttl_s);
	}
	struct rr_image *image = arena_take(arena, sizeof(*image) + len);
	if (!image)
		return NULL;
	*image = (struct rr_image){ .type = records[0].type, .ttl_s = ttl_s };
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || !span_eq(records[i].rdata, records[i - 1].rdata))
			image_add_record(image, records[i].rdata);
	}
	return image;
}

static struct zone_node *new_node(struct zone *zone, struct span name, size_t n_sets)
{
	struct zone_node *node =
		arena_take(&zone->arena, sizeof(*node) + n_sets * sizeof(struct rr_image *));

	if (!node)
		return NULL;
	*node = (struct zone_node){ .name = arena_copy(&zone->arena, name),
				    .steer = ZONE_NO_STEER };
	return node->name.at ? node : NULL;
}

static int make_node(struct zone *zone, const struct record *records, size_t n)
{
	struct zone_node *node = new_node(zone, records[0].name, n);

	if (!node)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n;) {
		size_t run = run_of(records + i, n - i, true);
		if (records[i].type == 0) {
			node->steer = records[i].steer;
		} else {
			node->sets[node->n_sets] = make_image(&zone->arena, records + i, run);
			if (!node->sets[node->n_sets++])
				return err_new(-ENOMEM);
		}
		i += run;
	}
	node->is_cut = !span_eq(node->name, zone->apex) && zone_node_set(node, DNS_TYPE_NS);
	zone->has_cuts |= node->is_cut;
	zone->has_wildcards |=
		node->name.len > 2 && node->name.at[0] == 1 && node->name.at[1] == '*';
	return err_pass(add_node(zone, node));
}

/* Every name between this one and the apex is there, if only as an empty node. */
static int make_parents(struct zone *zone, struct span name)
{
	for (name = span_from(name, (size_t)name.at[0] + 1); name.len > zone->apex.len;
	     name = span_from(name, (size_t)name.at[0] + 1)) {
		if (zone_exact(zone, name))
			return 0;
		struct zone_node *node = new_node(zone, name, 0);
		if (!node)
			return err_new(-ENOMEM);
		int r = add_node(zone, node);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

/* What may not stand beside each other (RFC 1034 3.6.2, 2181 10.1), and what must be there. */
static const char *find_fault(const struct zone *zone)
{
	const struct zone_node *apex = zone->slots ? zone_exact(zone, zone->apex) : NULL;

	if (!apex || !zone_node_set(apex, DNS_TYPE_SOA))
		return "there is no SOA at the zone's name";
	if (zone_node_set(apex, DNS_TYPE_SOA)->n_records != 1)
		return "there is more than one SOA";
	if (!zone_node_set(apex, DNS_TYPE_NS))
		return "there is no NS at the zone's name";
	for (size_t i = 0; i <= zone->mask; i++) {
		const struct zone_node *node = zone->slots[i];
		if (!node)
			continue;
		const struct rr_image *cname = zone_node_set(node, DNS_TYPE_CNAME);
		if (cname && (node->n_sets > 1 || cname->n_records > 1 || node->steer >= 0))
			return "a CNAME stands beside other records of its name";
		if (node->steer >= 0 &&
		    (zone_node_set(node, DNS_TYPE_A) || zone_node_set(node, DNS_TYPE_AAAA)))
			return "a steered name has addresses in the zone file too";
	}
	return NULL;
}

static uint32_t u32_at(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* RFC 2308 5: a denial lives for the lesser of the SOA's TTL and its MINIMUM. */
static int make_denial(struct zone *zone)
{
	const struct rr_image *soa = zone_node_set(zone_exact(zone, zone->apex), DNS_TYPE_SOA);
	size_t head = image_record_len(0);

	if (soa->len < head + SOA_TAIL)
		return err_new(-EINVAL);
	const uint8_t *tail = soa->bytes + soa->len - SOA_TAIL;
	struct record record = {
		.type = DNS_TYPE_SOA,
		.ttl_s = MIN(soa->ttl_s, u32_at(tail + 16)),
		.rdata = span_of(soa->bytes + head, soa->len - head),
	};
	zone->serial = u32_at(tail);
	zone->denial_soa = make_image(&zone->arena, &record, 1);
	return zone->denial_soa ? 0 : err_new(-ENOMEM);
}

static int make_nodes(struct zone_builder *builder)
{
	struct zone *zone = builder->zone;
	struct record *records = builder->records;
	int r = 0;

	if (builder->n_records)
		qsort(records, builder->n_records, sizeof(*records), by_name_type_data);
	for (size_t i = 0; r == 0 && i < builder->n_records;) {
		size_t run = run_of(records + i, builder->n_records - i, false);
		r = make_node(zone, records + i, run);
		i += run;
	}
	for (size_t i = 0; r == 0 && i < builder->n_records;
	     i += run_of(records + i, builder->n_records - i, false)) {
		if (records[i].name.len > zone->apex.len)
			r = make_parents(zone, records[i].name);
	}
	return err_pass(r);
}

int zone_builder_finish(struct zone_builder *builder, struct zone **ret_zone, const char **ret_why)
{
	int r = make_nodes(builder);

	*ret_why = "out of memory";
	if (r == 0) {
		*ret_why = find_fault(builder->zone);
		r = *ret_why ? err_new(-EINVAL) : make_denial(builder->zone);
	}
	if (r == 0)
		*ret_zone = TAKE(builder->zone);
	zone_builder_free(builder);
	return err_pass(r);
}
