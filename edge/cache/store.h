/* SPDX-License-Identifier: Apache-2.0
 *
 * store: the memory that all workers share: what is stored, what is being fetched, what is known of
 * URLs whose responses vary or must not be stored. Any thread may call; nothing here waits but for
 * short locks.
 *
 * An index in shards, each with a lock, that are chosen by the URL: all that has one URL is behind
 * one lock. Who has to go is one question for the whole store (evict.h), asked when something is
 * added, never at a hit.
 */
#pragma once

#include "edge/cache/body.h"
#include "edge/cache/key.h"
#include "edge/cache/purge.h"
#include "edge/report/reasons.h"

struct cache;

struct cache_disk_conf {
	bool set;
	const char *path;
	uint64_t size_bytes;
	uint32_t readers; /* threads */
};

struct cache_conf {
	const char *name;
	uint64_t memory_bytes;
	int64_t inactive_ms; /* what nobody asked for so long goes; 0: it may stay */
	struct cache_disk_conf disk;
};

/* In memory. `now_s`: the wall time. One reference is the caller's; the last one given back waits
 * for the disk. Errors: -ENOMEM. */
int cache_new(const struct cache_conf *conf, int64_t now_s, struct cache **ret_cache);
/* Begins to use the disk that conf names, the first time that it is called; before any other thread
 * knows the store. A disk that cannot be used is said, and done without. */
void cache_open_disk(struct cache *cache, const struct cache_conf *conf, int64_t now_s);
struct cache *cache_ref(struct cache *cache);
void cache_unref(struct cache *cache); /* NULL is fine */
/* A reload. */
void cache_set_conf(struct cache *cache, const struct cache_conf *conf);
const char *cache_name(const struct cache *cache);

/* What is known of a key. */
struct cache_found {
	struct cache_object *object; /* a reference; NULL: nothing is stored */
	bool pass;                   /* what came lately was not to be stored: do not wait for it */
};
/* `key` goes on to its variant's where responses vary. A purged object is not found, or is stale.
 * Errors: -ENOBUFS. */
int cache_find(struct cache *cache, struct cache_key *key, const struct http_head *request,
	       struct arena *arena, int64_t now_s, struct cache_found *ret_found);

/* ---- flights: what is being fetched -------------------------------------------------------------
 */

enum flight_state {
	FLIGHT_ASKED,  /* the origin was; its head has not come */
	FLIGHT_HEAD,   /* there is an object, which may be filling */
	FLIGHT_PASSED, /* what came is not to be shared: each for himself */
	FLIGHT_FAILED, /* nothing came */
	FLIGHT_AGAIN,  /* look again: what is stored has changed */
};

/* Whoever waits. It is in a list of the flight's, or a wake is on its way. */
struct cache_waiter {
	TAILQ_ENTRY(cache_waiter) link;
	/* On the thread of the fetch, without a lock: passes the word on to its own. */
	void (*wake)(struct cache_waiter *waiter);
	bool queued; /* the shard's lock */
};

struct cache_flight; /* counted */

enum cache_join {
	CACHE_JOIN_LEAD,    /* nobody fetches it: the caller is to */
	CACHE_JOIN_FOLLOW,  /* somebody does */
	CACHE_JOIN_CHANGED, /* what is stored has changed since: look again */
};
/* `seen`: what cache_find() found. One reference is the caller's. Errors: -ENOMEM. */
int cache_join(struct cache *cache, const struct cache_key *key, const struct cache_object *seen,
	       struct cache_flight **ret_flight);
/* A flight that nobody else joins: what it brings replaces what is stored. */
int cache_lead(struct cache *cache, const struct cache_key *key, struct cache_flight **ret_flight);
void cache_flight_ref(struct cache_flight *flight);
void cache_flight_unref(struct cache_flight *flight); /* NULL is fine */

/* The position of the purge log when it began. */
uint64_t cache_flight_stamp(const struct cache_flight *flight);

/* The leader's: */

/* The head is known: who waits may read. `vary`: the names that responses of this URL vary by, now
 * (empty: by none that is known); the object's key is `key`. A reference to the object is taken. */
void cache_flight_head(struct cache_flight *flight, struct cache_object *object,
		       const struct cache_key *key, struct span vary);
/* More of the body is there. */
void cache_flight_more(struct cache_flight *flight);
/* What came is not to be shared; who asks for it until then does not wait. The flight ends. */
void cache_flight_pass(struct cache_flight *flight, int64_t until_s);
/* Nothing came. The flight ends. */
void cache_flight_fail(struct cache_flight *flight, enum close_reason reason);
/* What is stored has changed. The flight ends. */
void cache_flight_again(struct cache_flight *flight);
/* What there is is whole, or broken: the flight ends. What is whole is stored with `store`, if
 * nothing has made it untrue meanwhile. */
void cache_flight_land(struct cache_flight *flight, bool store, int64_t now_s);
/* May so much more be held that is on its way? Half of the store's size, all flights together. */
bool cache_flight_reserve(struct cache_flight *flight, uint64_t bytes);
/* It has outgrown what is kept: it goes on for those alone who have joined, and what all of them
 * have read is freed. */
void cache_flight_outgrow(struct cache_flight *flight, struct cache_writer *writer);
/* Having outgrown: true: not all who read have read all; `filler` is woken when they have, or when
 * nobody is left. */
bool cache_flight_pause(struct cache_flight *flight, struct cache_waiter *filler);
/* `filler` is not to be woken any more. As cache_flight_unwait(). */
bool cache_flight_unpause(struct cache_flight *flight, struct cache_waiter *filler);
/* How many read it. */
uint32_t cache_flight_n_readers(struct cache_flight *flight);

/* Who follows: */

/* What there is; *ret_object is a reference, with FLIGHT_HEAD alone. */
enum flight_state cache_flight_look(struct cache_flight *flight, struct cache_object **ret_object,
				    enum close_reason *ret_reason);
/* Begins to read at `from`, if the object's beginning is still there. */
bool cache_flight_read(struct cache_flight *flight, struct cache_reader *reader, uint64_t from,
		       uint64_t end);
/* Who began to read does no more. */
void cache_flight_unread(struct cache_flight *flight);
/* Waits for something that is not (state, filled) any more. False: it is not by now. */
bool cache_flight_wait(struct cache_flight *flight, struct cache_waiter *waiter,
		       enum flight_state state, uint64_t filled);
/* True: it waits no more. False: a wake is on its way. */
bool cache_flight_unwait(struct cache_flight *flight, struct cache_waiter *waiter);

/* ---- the rest -----------------------------------------------------------------------------------
 */

/* Puts it in the place of what is stored under its key, if no purge meant it. Takes a reference. */
void cache_store(struct cache *cache, struct cache_object *object, int64_t now_s);
/* RFC 9111 4.4: what is stored, or on its way, under this key's URL and extra parts is not true any
 * more. */
void cache_invalidate(struct cache *cache, const struct cache_key *key);
/* The key of the variant that this request asks for, as far as is known. Errors: -ENOBUFS. */
int cache_narrow(struct cache *cache, struct cache_key *key, const struct http_head *request,
		 struct arena *arena);
/* The names that responses of this key's URL vary by, in the arena. Errors: -ENOBUFS. */
int cache_vary(struct cache *cache, const struct cache_key *key, struct arena *arena,
	       struct span *ret_vary);
/* The same now that this response has come: with those of its Vary. They begin with a generation,
 * "#7", so that what was stored before the store forgot them is not found by them again, which may
 * have been invalidated since. Errors: -ENOBUFS; also when they are too long to be kept. */
int cache_vary_extend(struct cache *cache, const struct cache_key *key,
		      const struct http_head *response, struct arena *arena, struct span *ret_vary);
/* How many times this key was asked for without being stored, this one counted. */
uint32_t cache_count_use(struct cache *cache, const struct cache_key *key);
/* Errors: as purge_add(). */
int cache_purge(struct cache *cache, const struct purge *purge, uint64_t *ret_number);
/* Looks at a part of the index for what is purged or unused, and drops it. One thread at a time.
 * True: it came around. */
bool cache_sweep(struct cache *cache, int64_t now_s);

struct cache_stats {
	uint64_t n_objects, bytes, n_evicted, n_purged, n_flights;
	uint64_t position; /* of the purge log */
};
void cache_stats(struct cache *cache, struct cache_stats *ret_stats);
