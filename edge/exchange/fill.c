/* SPDX-License-Identifier: Apache-2.0
 *
 * fill: head, body, end; each changes the flight, which wakes who waits.
 *
 * It ends by a task of its own: its fetch is not left from inside one of its calls, when the
 * connection could still be kept.
 */
#include "edge/exchange/fill.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/cache/freshen.h"
#include "edge/cache/packed.h"
#include "edge/exchange/exchange_priv.h"
#include "edge/exchange/lookup.h"
#include "edge/exchange/wake.h"
#include "edge/report/edge_metrics.h"

#define FILL_KIND OBJ_KIND('f', 'i', 'l', 'l')

enum {
	ARENA_MAX_BYTES = 256 * 1024,
	RESERVE_BYTES = 256 * 1024, /* at a time, of a body whose length nobody said */
	WINDOW_BYTES = 1 << 20,     /* ahead of who reads a body that is not kept */
};

struct fill {
	uint32_t kind;
	LIST_ENTRY(fill) link; /* env->fills */
	struct exchange_env *env;
	struct exchange_world *world; /* a reference */
	const struct cache_rules *rules;
	struct cache_flight *flight; /* a reference; NULL: it has ended */
	struct cache_key key;
	struct cache_object *stored; /* a reference */
	struct http_head asked, request;
	struct addr from, to;
	struct exchange *leader; /* NULL: none, or it has left */
	struct fetch *fetch;     /* NULL: handed over */
	struct cache_writer writer;
	bool filling;
	bool outgrown;       /* what comes is for those alone who read it now */
	uint64_t window_end; /* where to wait for them */
	uint64_t reserved;
	struct wake *wake; /* owned; how it waits for them */
	int64_t asked_at_s;
	struct loop_task task; /* the beginning of the body, or the end */
	struct arena arena;
};

/* ---- life --------------------------------------------------------------------------------------
 */

static void fill_free(struct fill *fill)
{
	LIST_REMOVE(fill, link);
	loop_undefer(fill->env->loop, &fill->task);
	if (fill->leader)
		lookup_fill_ended(fill->leader);
	if (fill->wake)
		wake_drop(fill->wake,
			  fill->flight && cache_flight_unpause(fill->flight, &fill->wake->waiter));
	fetch_leave(fill->fetch);
	cache_writer_fini(&fill->writer);
	cache_flight_unref(fill->flight);
	cache_object_unref(fill->stored);
	exchange_world_unref(fill->world);
	arena_fini(&fill->arena);
	OBJ_FREE(fill);
}

/* It has ended; or those on this worker who waited for its head have begun to read. */
static void on_task(void *arg)
{
	struct fill *fill = OBJ_CAST(struct fill, arg, FILL_KIND);

	if (fill->flight)
		fetch_want_body(fill->fetch);
	else
		fill_free(fill);
}

/* The flight is over, in whatever way: nobody hears of us any more. */
static void flight_drop(struct fill *fill)
{
	if (fill->wake)
		wake_drop(fill->wake, cache_flight_unpause(fill->flight, &fill->wake->waiter));
	fill->wake = NULL;
	cache_flight_unref(TAKE(fill->flight));
	loop_defer_soon(fill->env->loop, &fill->task);
}

void fill_stop_all(struct exchange_env *env)
{
	struct fill *fill;

	while ((fill = LIST_FIRST(&env->fills))) {
		if (fill->flight && fill->filling) {
			cache_writer_break(&fill->writer);
			cache_flight_land(fill->flight, false, 0);
		} else if (fill->flight) {
			cache_flight_fail(fill->flight, REASON_SHUTDOWN);
		}
		fill_free(fill);
	}
}

void fill_leave(struct fill *fill)
{
	if (fill)
		fill->leader = NULL;
}

static int64_t now_s(const struct fill *fill)
{
	return loop_wall_s(fill->env->loop);
}

/* ---- how it ends without an object -------------------------------------------------------------
 */

/* What the request says of it that began this, if it has a say. Who follows is asked for himself:
 * lookup_outlives(). */
static const struct cache_control *asker_says(const struct fill *fill,
					      struct cache_control *control)
{
	reuse_read_request(&fill->asked, control);
	return cache_rules_conf(fill->rules)->requests ? control : NULL;
}

/* The stored one serves after all. False: it may not. */
static bool stored_serves(struct fill *fill)
{
	struct cache_control control;
	struct reuse_life life;

	if (!fill->stored)
		return false;
	cache_object_life(fill->stored, &life);
	if (!reuse_after_failure(&life, now_s(fill), asker_says(fill, &control)))
		return false;
	cache_flight_head(fill->flight, fill->stored, &fill->key, SPAN_NONE);
	cache_flight_land(fill->flight, false, now_s(fill));
	flight_drop(fill);
	return true;
}

/* What comes is the leader's alone, and everybody else asks for himself. `lasts`: the next response
 * will hardly be another; an error says nothing of it. */
static void pass(struct fill *fill, struct http_head *head, bool end, bool lasts)
{
	struct exchange *leader = TAKE(fill->leader);
	int64_t pass_s =
		lasts && head->status < 500 ? cache_rules_conf(fill->rules)->pass_ms / 1000 : 0;

	cache_flight_pass(fill->flight, now_s(fill) + pass_s);
	flight_drop(fill);
	if (leader)
		lookup_hand_over(leader, TAKE(fill->fetch), head, end);
}

/* ---- the object --------------------------------------------------------------------------------
 */

/* The fields that responses of this URL vary by; the key goes on to the variant's. */
static int vary_learn(struct fill *fill, const struct http_head *head, struct span *ret_vary)
{
	static const struct http_head silent;
	bool ignored = cache_rules_ignore(fill->rules, SPAN_LIT("Vary"));

	int r = cache_vary_extend(cache_rules_store(fill->rules), &fill->key,
				  ignored ? &silent : head, &fill->arena, ret_vary);
	if (r == 0 && ret_vary->len)
		r = cache_key_vary(&fill->key, *ret_vary, &fill->asked, &fill->arena, &fill->key);
	return err_pass(r);
}

/* An object with these fields, in flight. `body_of`: its body is that one's. */
static int object_begin(struct fill *fill, struct http_head *head, const struct reuse_life *life,
			struct cache_object *body_of)
{
	struct cache_object_setup setup = {
		.stamp = cache_flight_stamp(fill->flight),
		.head = head,
		.life = *life,
		.codable = cache_rules_codable(fill->rules, head),
		.has_length = head->body != HTTP_BODY_STREAM && head->body != HTTP_BODY_UNTIL_CLOSE,
		.length = head->body == HTTP_BODY_LENGTH ? head->body_length : 0,
		.body_of = body_of,
	};
	struct cache_object *object;
	struct cache_stripped stripped = { .n_tags = 0 };
	struct span vary = SPAN_NONE;

	int r = vary_learn(fill, head, &vary);
	if (r == 0 && !body_of) /* what is stored has been forwarded */
		r = forward_response(fill->world->forward, head, &fill->arena);
	if (r == 0)
		r = cache_rules_strip(fill->rules, head, &fill->arena, &stripped);
	if (r < 0)
		return err_pass(r);
	if (fill->leader && stripped.own.n_fields)
		r = lookup_own_fields(fill->leader, &stripped.own);
	if (r < 0)
		return err_pass(r);
	setup.tags = stripped.tags;
	setup.n_tags = stripped.n_tags;
	if (body_of && !setup.n_tags) { /* its fields name none any more */
		setup.tags = cache_object_tags(body_of);
		setup.n_tags = body_of->n_tags;
	}
	setup.key = fill->key.text;
	setup.url_len = fill->key.url_len;
	setup.url_hash = fill->key.url_hash;
	setup.hash = fill->key.hash;
	r = cache_object_new(&setup, &object);
	if (r < 0)
		return err_pass(r);
	cache_writer_init(&fill->writer, object);
	fill->filling = true;
	cache_flight_head(fill->flight, object, &fill->key, vary);
	cache_object_unref(object); /* the flight's is enough */
	return 0;
}

/* All of it has come. */
static void land(struct fill *fill)
{
	cache_flight_land(fill->flight, !fill->outgrown, now_s(fill));
	fill->filling = false;
	flight_drop(fill);
}

/* Nothing more comes, and it is not whole. */
static void body_fail(struct fill *fill)
{
	cache_writer_break(&fill->writer);
	cache_flight_land(fill->flight, false, now_s(fill));
	fill->filling = false;
	flight_drop(fill);
}

/* ---- 304 ---------------------------------------------------------------------------------------
 */

/* What is stored is as good as new. */
static int freshen(struct fill *fill, const struct http_head *news)
{
	struct http_head stored, head;
	struct reuse_life life;
	int r = http_head_init(&stored, &fill->arena);

	if (r == 0)
		r = packed_read(cache_object_head(fill->stored), &stored);
	stored.status = fill->stored->status;
	if (r == 0)
		r = freshen_head(&stored, news, &fill->arena, &head);
	if (r < 0)
		return err_pass(r);
	enum storable verdict = cache_rules_judge(fill->rules, &fill->asked, &head,
						  fill->asked_at_s, now_s(fill), &life);
	head.body = HTTP_BODY_LENGTH;
	head.body_length = fill->stored->length;
	r = object_begin(fill, &head, &life, fill->stored);
	if (r < 0)
		return err_pass(r);
	bool stays = verdict == STORABLE && freshen_is_of(news, &stored);
	cache_flight_land(fill->flight, stays, now_s(fill));
	fill->filling = false;
	flight_drop(fill);
	return 0;
}

/* ---- what the fetch says -----------------------------------------------------------------------
 */

static void on_interim(void *arg, const struct http_head *head)
{
	struct fill *fill = OBJ_CAST(struct fill, arg, FILL_KIND);

	if (fill->leader)
		exchange_fetch_events.on_interim(fill->leader, head);
}

static bool is_failure(unsigned status) /* RFC 5861 4 */
{
	return status == 500 || (status >= 502 && status <= 504);
}

/* Nobody hears of it, or the leader does not, who has asked for that. */
static bool failure_hidden(struct fill *fill)
{
	struct exchange *leader = fill->leader;

	if (stored_serves(fill))
		return true;
	if (!leader || !lookup_outlives(leader)) /* which leaves us */
		return false;
	cache_flight_pass(fill->flight, now_s(fill));
	flight_drop(fill);
	return true;
}

/* What one client asks for is no reason for others not to wait. */
static bool is_of_client(uint16_t status, enum storable verdict)
{
	return cache_rules_is_of_request(status) || verdict == STORABLE_NOT_AUTHORIZED ||
	       verdict == STORABLE_NOT_WISHED;
}

/* Is its size one that we keep? One that is not known is found out. */
static bool size_fits(const struct fill *fill, const struct http_head *head)
{
	return head->body != HTTP_BODY_LENGTH ||
	       (head->body_length <= cache_rules_conf(fill->rules)->max_object_bytes &&
		cache_flight_reserve(fill->flight, head->body_length));
}

static void fill_failed(struct fill *fill, enum close_reason reason)
{
	if (stored_serves(fill))
		return;
	cache_flight_fail(fill->flight, reason);
	flight_drop(fill);
}

static void on_head(void *arg, struct http_head *head, bool end)
{
	struct fill *fill = OBJ_CAST(struct fill, arg, FILL_KIND);
	struct reuse_life life;

	if (fill->leader)
		lookup_asked(fill->leader, fill->fetch);
	if (head->status == 304 && fill->stored) {
		if (freshen(fill, head) < 0)
			fill_failed(fill, REASON_MEMORY);
		return;
	}
	if (is_failure(head->status) && failure_hidden(fill))
		return;
	enum storable verdict = cache_rules_judge(fill->rules, &fill->asked, head, fill->asked_at_s,
						  now_s(fill), &life);
	if (verdict != STORABLE || !size_fits(fill, head)) {
		pass(fill, head, end, !is_of_client(head->status, verdict));
		return;
	}
	if (object_begin(fill, head, &life, NULL) < 0) {
		pass(fill, head, end, true);
		return;
	}
	if (end && cache_writer_end(&fill->writer))
		land(fill);
	else if (end)
		body_fail(fill);
	else /* it must not outgrow what nobody has begun to read */
		loop_defer_soon(fill->env->loop, &fill->task);
}

/* It has grown past what is kept: those who read it get it, and nobody else. */
static void outgrow(struct fill *fill)
{
	fill->outgrown = true;
	fill->window_end = cache_body_filled(fill->writer.object) + WINDOW_BYTES;
	cache_flight_outgrow(fill->flight, &fill->writer);
}

/* Room for what has come, in the memory of those on their way, and in an object. */
static bool fits(struct fill *fill, size_t n)
{
	uint64_t filled = cache_body_filled(fill->writer.object) + n;

	if (filled > cache_rules_conf(fill->rules)->max_object_bytes)
		return false;
	while (fill->reserved < filled && !fill->writer.object->has_length) {
		if (!cache_flight_reserve(fill->flight, RESERVE_BYTES))
			return false;
		fill->reserved += RESERVE_BYTES;
	}
	return true;
}

static void on_caught_up(void *arg)
{
	struct fill *fill = OBJ_CAST(struct fill, arg, FILL_KIND);

	fill->window_end = cache_body_filled(fill->writer.object) + WINDOW_BYTES;
	fetch_want_body(fill->fetch);
}

/* Those who read are too far behind. */
static bool must_pause(struct fill *fill)
{
	if (!fill->outgrown || cache_body_filled(fill->writer.object) < fill->window_end)
		return false;
	if (!fill->wake)
		fill->wake = wake_new(fill->env->mailbox, on_caught_up, fill);
	if (!fill->wake || fill->wake->pending)
		return fill->wake != NULL;
	fill->wake->pending = true;
	if (cache_flight_pause(fill->flight, &fill->wake->waiter))
		return true;
	fill->wake->pending = false;
	fill->window_end = cache_body_filled(fill->writer.object) + WINDOW_BYTES;
	return false;
}

static int body_add(struct fill *fill, struct chain *body)
{
	int r = 0;

	while (r == 0 && !chain_empty(body)) {
		struct span part = chain_front(body);
		r = cache_writer_add(&fill->writer, part);
		chain_drop(body, part.len);
	}
	return err_pass(r);
}

static void on_body(void *arg, struct chain *body, bool end)
{
	struct fill *fill = OBJ_CAST(struct fill, arg, FILL_KIND);

	if (!fill->filling) { /* it has failed; the end is near */
		chain_clear(body);
		return;
	}
	if (!fill->outgrown && !fits(fill, body->bytes))
		outgrow(fill);
	if (fill->outgrown && !fill->leader && cache_flight_n_readers(fill->flight) == 0) {
		chain_clear(body);
		body_fail(fill); /* for nobody */
		return;
	}
	if (must_pause(fill))
		return;
	if (body_add(fill, body) < 0) {
		chain_clear(body);
		body_fail(fill);
	} else if (end && cache_writer_end(&fill->writer)) {
		land(fill);
	} else if (end) {
		body_fail(fill);
	} else {
		cache_flight_more(fill->flight);
	}
}

static void on_trailers(void *arg, const struct http_head *trailers)
{
	struct fill *fill = OBJ_CAST(struct fill, arg, FILL_KIND);

	/* Without memory they are left out, as who cannot take them would (RFC 9110 6.5.1). */
	if (fill->filling)
		(void)cache_writer_trailers(&fill->writer, trailers);
}

static void on_failed(void *arg, enum close_reason reason)
{
	struct fill *fill = OBJ_CAST(struct fill, arg, FILL_KIND);

	if (fill->filling)
		body_fail(fill);
	else if (fill->flight)
		fill_failed(fill, reason);
}

static void on_pipe(void *arg, struct splice_pipe *pipe)
{
	(void)arg;
	(void)pipe;
	UNREACHABLE(); /* we do not use pipes */
}

static void on_ready(void *arg)
{
	(void)arg;
	UNREACHABLE(); /* there is no body to send */
}

static const struct fetch_events fill_events = {
	.on_interim = on_interim,
	.on_head = on_head,
	.on_body = on_body,
	.on_pipe = on_pipe,
	.on_trailers = on_trailers,
	.on_ready = on_ready,
	.on_failed = on_failed,
};

/* ---- birth -------------------------------------------------------------------------------------
 */

/* If-None-Match and If-Modified-Since, by what is stored. */
static int condition_add(struct fill *fill)
{
	struct http_head stored;
	int r = http_head_init(&stored, &fill->arena);

	if (r == 0)
		r = packed_read(cache_object_head(fill->stored), &stored);
	if (r < 0)
		return err_pass(r);
	const struct http_field *etag = http_head_find(&stored, HTTP_NAME_ETAG);
	const struct http_field *modified = http_head_find(&stored, HTTP_NAME_LAST_MODIFIED);
	if (etag)
		r = http_head_add(&fill->request, HTTP_NAME_IF_NONE_MATCH, etag->value);
	if (r == 0 && modified)
		r = http_head_add(&fill->request, HTTP_NAME_IF_MODIFIED_SINCE, modified->value);
	return err_pass(r);
}

static int fill_make(struct fill *fill, const struct fill_setup *setup)
{
	int r = http_head_copy(setup->request, &fill->arena, &fill->request);

	if (r == 0)
		r = http_head_copy(setup->asked, &fill->arena, &fill->asked);
	fill->key = *setup->key;
	fill->key.text = arena_copy(&fill->arena, setup->key->text);
	if (r == 0 && !fill->key.text.at)
		r = err_new(-ENOBUFS);
	if (r == 0 && fill->stored && fill->stored->validates)
		r = condition_add(fill);
	return err_pass(r);
}

int fill_begin(const struct fill_setup *setup, struct fill **ret_fill)
{
	struct fill *fill = OBJ_NEW(struct fill, FILL_KIND);

	if (!fill) {
		cache_flight_fail(setup->flight, REASON_MEMORY);
		cache_flight_unref(setup->flight);
		return err_new(-ENOMEM);
	}
	fill->env = setup->env;
	fill->world = exchange_world_ref(setup->world);
	fill->rules = setup->rules;
	fill->flight = setup->flight;
	fill->stored = setup->stored ? cache_object_ref(setup->stored) : NULL;
	fill->asked_at_s = now_s(fill);
	fill->task = (struct loop_task){ .fn = on_task, .arg = fill };
	if (setup->from)
		fill->from = *setup->from;
	if (setup->to)
		fill->to = *setup->to;
	arena_init(&fill->arena, ARENA_MAX_BYTES);
	LIST_INSERT_HEAD(&setup->env->fills, fill, link);
	int r = fill_make(fill, setup);
	const struct fetch_setup fetch = {
		.env = setup->env,
		.world = setup->world,
		.pool = setup->pool,
		.request = &fill->request,
		.events = &fill_events,
		.subscriber = fill,
		.from = setup->from ? &fill->from : NULL,
		.to = setup->to ? &fill->to : NULL,
	};
	if (r == 0)
		r = fetch_begin(&fetch, &fill->fetch);
	if (r < 0) {
		cache_flight_fail(fill->flight, REASON_MEMORY);
		fill_free(fill);
		return err_pass(r);
	}
	fill->leader = setup->leader;
	*ret_fill = fill;
	return 0;
}
