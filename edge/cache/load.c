/* SPDX-License-Identifier: Apache-2.0
 *
 * load: piece by piece, each asked for when the one before has been copied.
 */
#include "edge/cache/load.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/packed.h"
#include "edge/cache/record.h"
#include "edge/cache/store_priv.h"

#define LOAD_KIND OBJ_KIND('l', 'o', 'a', 'd')

enum { ARENA_MAX_BYTES = 256 * 1024 };

struct cache_load {
	uint32_t kind;
	LIST_ENTRY(cache_load) link;
	struct cache *cache; /* the flight's */
	struct cache_flight *flight;
	struct cache_key key;
	struct loop *loop;
	struct disk_read *read;      /* owned */
	struct cache_object *object; /* a reference; NULL: its head has not come */
	struct cache_writer writer;
	bool told; /* who waits knows of it */
	uint8_t text[];
};

bool cache_load_can(struct cache *cache, const struct cache_key *key)
{
	const struct disk_id id = cache_record_id(key->text);
	struct disk_found found;

	return cache->disk && disk_find(cache->disk, &id, &found);
}

static void load_free(struct cache_load *load)
{
	LIST_REMOVE(load, link);
	disk_read_free(load->read);
	cache_writer_fini(&load->writer);
	cache_object_unref(load->object);
	cache_flight_unref(load->flight);
	OBJ_FREE(load);
}

/* Nothing that serves: who waits looks again. `drop`: it is not to be found again. */
static void load_fail(struct cache_load *load, bool drop)
{
	const struct disk_id id = cache_record_id(load->key.text);

	if (drop)
		(void)disk_drop(load->cache->disk, &id, NULL, NULL);
	if (load->told) {
		cache_writer_break(&load->writer);
		cache_flight_land(load->flight, false, 0);
	} else {
		cache_flight_again(load->flight);
	}
	load_free(load);
}

/* All of it is in memory. */
static void load_end(struct cache_load *load)
{
	int64_t now_s = loop_wall_s(load->loop);

	if (!cache_writer_end(&load->writer)) {
		load_fail(load, true);
		return;
	}
	if (load->told) {
		cache_flight_land(load->flight, true, now_s);
	} else {
		(void)cache_store_unless(load->cache, load->object, now_s, &load->flight->spoiled);
		cache_flight_again(load->flight);
	}
	load_free(load);
}

/* ---- the head ----------------------------------------------------------------------------------
 */

static int object_make(struct cache_load *load, const struct cache_record *record,
		       const struct disk_piece *piece)
{
	struct cache_object_setup setup = {
		.key = record->key,
		.url_len = record->url_len,
		.hash = load->key.hash,
		.url_hash = load->key.url_hash,
		.stamp = piece->stamp,
		.n_tags = record->n_tags,
		.life = record->life,
		.codable = record->codable,
		.has_length = true,
		.length = piece->body_bytes,
	};
	struct http_head head, trailers;
	struct arena arena;

	if (!packed_is_sound(record->head) || !packed_is_sound(record->trailers))
		return err_new(-EBADMSG);
	arena_init(&arena, ARENA_MAX_BYTES);
	uint32_t *tags = arena_take(&arena, record->tags.len + 1);
	if (!tags) {
		arena_fini(&arena);
		return err_new(-ENOBUFS);
	}
	int r = http_head_init(&head, &arena);
	if (r == 0)
		r = packed_read(record->head, &head);
	if (r == 0) {
		memcpy(tags, record->tags.at, record->tags.len);
		head.status = record->status;
		setup.tags = tags;
		setup.head = &head;
		r = cache_object_new(&setup, &load->object);
	}
	if (r == 0) {
		cache_writer_init(&load->writer, load->object);
		r = http_head_init(&trailers, &arena);
	}
	if (r == 0)
		r = packed_read(record->trailers, &trailers);
	if (r == 0)
		r = cache_writer_trailers(&load->writer, &trailers);
	arena_fini(&arena);
	return err_pass(r);
}

static bool is_fresh(const struct cache_load *load)
{
	struct reuse_life life;

	cache_object_life(load->object, &life);
	return reuse_judge(&life, loop_wall_s(load->loop), NULL) == REUSE_FRESH;
}

/* False: the load has failed and is no more. */
static bool head_take(struct cache_load *load, const struct disk_piece *piece)
{
	struct cache_record record;

	if (!cache_record_read(piece->head, &record) || !span_eq(record.key, load->key.text)) {
		load_fail(load, true);
		return false;
	}
	if (record.status == 0) {
		cache_vary_learn(load->flight, record.head);
		load_fail(load, false);
		return false;
	}
	if (record.url_len != load->key.url_len) {
		load_fail(load, true);
		return false;
	}
	if (!cache_flight_reserve(load->flight, piece->body_bytes) ||
	    object_make(load, &record, piece) < 0) {
		load_fail(load, true); /* it would be so the next time, too */
		return false;
	}
	if (cache_judge(load->cache, load->object, loop_wall_s(load->loop)) == PURGE_HARD) {
		load_fail(load, true);
		return false;
	}
	load->told = is_fresh(load);
	if (load->told)
		cache_flight_head(load->flight, load->object, &load->key, SPAN_NONE);
	return true;
}

/* ---- the body ----------------------------------------------------------------------------------
 */

static void on_piece(void *arg, const struct disk_piece *piece)
{
	struct cache_load *load = OBJ_CAST(struct cache_load, arg, LOAD_KIND);

	if (piece->result != DISK_READ_OK) {
		load_fail(load, false); /* the disk knows what it has not */
		return;
	}
	if (!load->object && !head_take(load, piece))
		return;
	if (cache_writer_add(&load->writer, piece->bytes) < 0) {
		load_fail(load, true);
		return;
	}
	uint64_t filled = cache_body_filled(load->object);
	if (filled >= piece->body_bytes) {
		load_end(load);
		return;
	}
	if (load->told)
		cache_flight_more(load->flight);
	disk_read_more(load->read, filled);
}

bool cache_load_begin(const struct cache_load_setup *setup)
{
	struct cache *cache = setup->flight->cache;
	const struct disk_id id = cache_record_id(setup->key.text);
	struct cache_load *load = calloc(1, sizeof(*load) + setup->key.text.len);

	if (!load)
		return false;
	load->kind = LOAD_KIND;
	load->cache = cache;
	load->loop = setup->loop;
	load->key = setup->key;
	load->key.text = span_of(load->text, setup->key.text.len);
	memcpy(load->text, setup->key.text.at, setup->key.text.len);
	const struct disk_reader reader = { setup->mailbox, on_piece, load };
	if (disk_get(cache->disk, &id, &reader, &load->read) != DISK_GET_STARTED) {
		free(load);
		return false;
	}
	load->flight = setup->flight;
	load->flight->loaded = true;
	LIST_INSERT_HEAD(setup->loads, load, link);
	return true;
}

void cache_loads_stop(struct cache_loads *loads)
{
	struct cache_load *load;

	while ((load = LIST_FIRST(loads)))
		load_fail(load, false);
}
