/* SPDX-License-Identifier: Apache-2.0
 *
 * steer: see the header. The hot path: match, walk, hash. A site that is down has no edges in the
 * table, so the walk asks one question of each region: has it an edge for this type? (When every
 * region is down, table.c has put all edges back: fail open.)
 *
 * The ECS scope speaks of the region's choice: inside it every client is sent to the same region.
 * Which edge of the region answers is a matter of balance, by the client's /24 or /56; a resolver
 * that shares one edge's address inside the scope for a TTL does no harm.
 */
#include "gtm/steer/steer.h"

#include "core/hash.h"
#include "core/obj.h"
#include "gtm/steer/table.h"

enum { TYPE_A = 1, TYPE_AAAA = 28, HASH_BITS_V4 = 96 + 24, HASH_BITS_V6 = 56 };

unsigned steer_bucket(const struct client_net *client)
{
	uint8_t key[16] = { 0 };
	size_t n_bytes = (client->is_v4 ? HASH_BITS_V4 : HASH_BITS_V6) / 8;

	memcpy(key, client->key, n_bytes);
	return (unsigned)(hash_fixed(span_of(key, sizeof(key)), 0) % STEER_BUCKETS);
}

const uint8_t *steer_order(const struct steer_table *table, const struct client_net *client,
			   uint8_t *ret_scope_bits)
{
	*ret_scope_bits = 0;
	if (!table->geo)
		return table->configured_order;
	struct geo_match match = geo_rank(table->geo, client);
	*ret_scope_bits = match.scope_bits;
	return match.order ? match.order : table->configured_order;
}

int steer_region(const struct steer_table *table, const struct steer_row *row,
		 enum steer_family family, const uint8_t *order)
{
	for (size_t i = 0; i < table->conf->n_regions; i++) {
		if (row->sites[order[i]].families[family].n_edges > 0)
			return order[i];
	}
	return -1;
}

static int choose_fallback(const struct steer_row *row, enum steer_family family,
			   struct steer_answer *answer)
{
	if (row->n_fallback[STEER_A] + row->n_fallback[STEER_AAAA] == 0)
		return STEER_NOTHING;
	for (size_t i = 0; i < row->n_fallback[family]; i++)
		answer->images[answer->n_images++] = row->fallback[family][i];
	return STEER_CHOSEN;
}

int steer_choose(const struct steer_table *table, size_t name, uint16_t type,
		 const struct client_net *client, struct steer_answer *ret_answer)
{
	MUST(name < table->conf->n_names && (type == TYPE_A || type == TYPE_AAAA));
	const struct steer_row *row = &table->rows[name];
	enum steer_family family = type == TYPE_A ? STEER_A : STEER_AAAA;
	struct steer_answer *answer = ret_answer;

	answer->n_images = 0;
	answer->ttl_s = table->conf->names[name].ttl_s;
	answer->scope_bits = 0;
	answer->region = -1;
	if (!row->known)
		return choose_fallback(row, family, answer);

	uint8_t scope_bits;
	const uint8_t *order = steer_order(table, client, &scope_bits);
	int region = steer_region(table, row, family, order);
	if (!client->from_ecs || client->source_bits > 0)
		answer->scope_bits = scope_bits;
	if (region < 0)
		return STEER_CHOSEN; /* nobody has an address of this family: NODATA */

	const struct steer_site_family *site = &row->sites[region].families[family];
	const uint16_t *picks = site->buckets + steer_bucket(client) * site->n_picks;
	for (size_t i = 0; i < site->n_picks; i++)
		answer->images[answer->n_images++] = site->edges[picks[i]].image;
	answer->region = region;
	return STEER_CHOSEN;
}
