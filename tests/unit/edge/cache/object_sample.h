/* SPDX-License-Identifier: Apache-2.0
 *
 * object_sample: stored responses for tests, and what their bodies must hold.
 */
#pragma once

#include "cache_test.h"

#include "edge/cache/body.h"
#include "edge/cache/purge.h"

#define SAMPLE_BORN_S INT64_C(784111777)

/* The byte at a place of every sample's body. */
static inline uint8_t sample_byte(uint64_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}

/* With the defaults for what setup leaves out: a head of one field, a life of a minute. */
static inline struct cache_object *sample_object(struct cache_object_setup setup)
{
	struct http_field field = { SPAN_LIT("X-Sample"), SPAN_LIT("1"), HTTP_NAME_OTHER };
	const struct http_head head = { .status = 200, .fields = &field, .n_fields = 1 };
	struct cache_object *object;

	if (!setup.head)
		setup.head = &head;
	if (!setup.key.len)
		setup.key = SPAN_LIT("http://h/");
	if (!setup.url_len)
		setup.url_len = (uint32_t)setup.key.len;
	if (!setup.hash)
		setup.hash = purge_url_hash(setup.key);
	if (!setup.url_hash)
		setup.url_hash = purge_url_hash(span_first(setup.key, setup.url_len));
	if (!setup.life.stale_at_s) {
		setup.life.born_s = SAMPLE_BORN_S;
		setup.life.stale_at_s = SAMPLE_BORN_S + 60;
	}
	assert_int_equal(cache_object_new(&setup, &object), 0);
	return object;
}

/* The next n bytes, in pieces of no more than `piece`. */
static inline void sample_add(struct cache_writer *writer, uint64_t n, uint64_t piece)
{
	uint64_t at = cache_body_filled(writer->object), end = at + n;
	uint8_t bytes[4096];

	assert_in_range(piece, 1, sizeof(bytes));
	while (at < end) {
		uint64_t len = MIN(piece, end - at);
		for (uint64_t i = 0; i < len; i++)
			bytes[i] = sample_byte(at + i);
		assert_int_equal(cache_writer_add(writer, span_of(bytes, len)), 0);
		at += len;
	}
}

/* A whole one. */
static inline struct cache_object *sample_whole(struct cache_object_setup setup, uint64_t n)
{
	struct cache_object *object = sample_object(setup);
	struct cache_writer writer;

	cache_writer_init(&writer, object);
	sample_add(&writer, n, 1000);
	assert_true(cache_writer_end(&writer));
	cache_writer_fini(&writer);
	return object;
}

/* Reads on until there is no more; each byte must be the one of its place. */
static inline enum cache_read sample_read(struct cache_reader *reader)
{
	struct chain chain = { 0 };
	uint64_t at = reader->at;
	enum cache_read r;

	do {
		r = cache_reader_take(reader, &chain);
		while (!chain_empty(&chain)) {
			struct span part = chain_front(&chain);
			for (size_t i = 0; i < part.len; i++) {
				if (part.at[i] != sample_byte(at + i))
					fail_msg("byte %llu", (unsigned long long)(at + i));
			}
			at += part.len;
			chain_drop(&chain, part.len);
		}
	} while (r == CACHE_READ_FULL);
	assert_int_equal(at, reader->at);
	return r;
}
