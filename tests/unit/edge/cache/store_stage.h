/* SPDX-License-Identifier: Apache-2.0
 *
 * store_stage: a store, requests by their path, and what a test stores and finds.
 */
#pragma once

#include <stdio.h>

#include "object_sample.h"

#include "edge/cache/store.h"

#define STAGE_NOW_S (SAMPLE_BORN_S + 1)

struct stage {
	struct cache *cache;
	struct arena arena;
	struct reuse_life life; /* of what stage_head() makes; zero: a sample's */
};

static inline void stage_init(struct stage *stage, uint64_t memory_bytes)
{
	const struct cache_conf conf = { .name = "test", .memory_bytes = memory_bytes };

	stage->life = (struct reuse_life){ 0 };
	arena_init(&stage->arena, 64 << 20);
	assert_int_equal(cache_new(&conf, SAMPLE_BORN_S, &stage->cache), 0);
}

/* Whatever is still held elsewhere shows as a leak. */
static inline void stage_fini(struct stage *stage)
{
	cache_unref(stage->cache);
	arena_fini(&stage->arena);
}

/* "/path", and a line "Name: value" or NULL. */
static inline struct http_head stage_request(struct stage *stage, const char *path,
					     const char *line)
{
	struct http_head head = head_of_lines(&stage->arena, &line, 1);

	head.method = HTTP_METHOD_GET;
	head.method_text = SPAN_LIT("GET");
	head.scheme = SPAN_LIT("http");
	head.authority = head.host = SPAN_LIT("h");
	head.target = head.path = span_str(path);
	return head;
}

static inline struct cache_key stage_key(struct stage *stage, const char *path)
{
	static const struct cache_key_conf conf = { .scheme = true, .host = true };
	struct http_head request = stage_request(stage, path, NULL);
	struct cache_key key;

	assert_int_equal(cache_key_make(&conf, &request, &stage->arena, &key), 0);
	return key;
}

static inline struct cache_object_setup stage_setup(const struct cache_key *key)
{
	return (struct cache_object_setup){ .key = key->text,
					    .url_len = key->url_len,
					    .hash = key->hash,
					    .url_hash = key->url_hash };
}

static inline struct cache_stats stage_stats(struct stage *stage)
{
	struct cache_stats stats;

	cache_stats(stage->cache, &stats);
	return stats;
}

/* One whole object of n bytes is stored there. It may be told from others by its address alone. */
static inline const struct cache_object *stage_store(struct stage *stage, const char *path,
						     uint64_t n)
{
	struct cache_key key = stage_key(stage, path);
	struct cache_object_setup setup = stage_setup(&key);

	setup.stamp = stage_stats(stage).position;
	setup.has_length = true;
	setup.length = n;
	struct cache_object *object = sample_whole(setup, n);
	cache_store(stage->cache, object, STAGE_NOW_S);
	cache_object_unref(object);
	return object;
}

/* A reference; NULL: it is not there. `line` as in stage_request(). */
static inline struct cache_object *stage_find_at(struct stage *stage, const char *path,
						 const char *line, int64_t now_s)
{
	struct http_head request = stage_request(stage, path, line);
	struct cache_key key = stage_key(stage, path);
	struct cache_found found;

	assert_int_equal(cache_find(stage->cache, &key, &request, &stage->arena, now_s, &found), 0);
	return found.object;
}

static inline bool stage_has(struct stage *stage, const char *path, const char *line)
{
	struct cache_object *object = stage_find_at(stage, path, line, STAGE_NOW_S);

	cache_object_unref(object);
	return object != NULL;
}

static inline uint64_t stage_purge(struct stage *stage, enum purge_kind kind, bool soft,
				   const char *text)
{
	const struct purge purge = { kind, soft, span_str(text) };
	uint64_t number;

	assert_int_equal(cache_purge(stage->cache, &purge, &number), 0);
	return number;
}

/* As an origin's response with "Vary: NAMES" would: the flight's object is made and its head told.
 * NULL: no Vary. A writer that fills it. */
static inline struct cache_object *stage_head(struct stage *stage, struct cache_flight *flight,
					      const char *path, const char *line, const char *vary,
					      struct cache_writer *writer)
{
	struct http_head request = stage_request(stage, path, line);
	struct http_head response = head_of_lines(&stage->arena, NULL, 0);
	struct cache_key key = stage_key(stage, path);
	struct span names;

	if (vary)
		assert_int_equal(http_head_add(&response, HTTP_NAME_VARY, span_str(vary)), 0);
	assert_int_equal(cache_vary_extend(stage->cache, &key, &response, &stage->arena, &names),
			 0);
	if (names.len)
		assert_int_equal(cache_key_vary(&key, names, &request, &stage->arena, &key), 0);
	struct cache_object_setup setup = stage_setup(&key);
	setup.stamp = cache_flight_stamp(flight);
	setup.life = stage->life;
	struct cache_object *object = sample_object(setup);
	cache_writer_init(writer, object);
	cache_flight_head(flight, object, &key, names);
	cache_object_unref(object); /* the flight's is enough */
	return object;
}

/* Leads a flight that must be its own, whole, and lands it. */
static inline void stage_bring(struct stage *stage, const char *path, const char *line,
			       const char *vary, uint64_t n)
{
	struct cache_key key = stage_key(stage, path);
	struct cache_flight *flight;
	struct cache_writer writer;

	assert_int_equal(cache_lead(stage->cache, &key, &flight), 0);
	stage_head(stage, flight, path, line, vary, &writer);
	sample_add(&writer, n, 1000);
	assert_true(cache_writer_end(&writer));
	cache_writer_fini(&writer);
	cache_flight_land(flight, true, STAGE_NOW_S);
	cache_flight_unref(flight);
}
