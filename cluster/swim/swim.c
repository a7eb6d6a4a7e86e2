/* SPDX-License-Identifier: Apache-2.0
 *
 * swim: one step: apply the event, run what is due, say when to be called next. It also knows when
 * it was called far too late: then it was we who slept, and nobody may be accused for that.
 */
#include "cluster/swim/swim.h"

#include "cluster/swim/swim_priv.h"
#include "core/error.h"
#include "core/obj.h"

/* clang-format off */
static const char *const counter_words[] = {
#define X(name, word, help) [SWIM_N_##name] = (word),
#include "cluster/swim/counters.def"
#undef X
};
static const char *const counter_helps[] = {
#define X(name, word, help) [SWIM_N_##name] = (help),
#include "cluster/swim/counters.def"
#undef X
};
/* clang-format on */

static void swim_drop(struct swim **swim)
{
	swim_free(*swim);
}

int swim_new(const struct swim_conf *conf, const struct swim_env *env, const struct swim_self *self,
	     uint64_t seed, struct swim **ret_swim)
{
	if (swim_conf_wrong(conf))
		return err_new(-EINVAL);
	CLEANUP(swim_drop) struct swim *swim = OBJ_NEW(struct swim, SWIM_KIND_WORD);
	if (!swim)
		return err_new(-ENOMEM);

	swim->conf = conf;
	swim->env = env;
	rng_seed(&swim->rng, seed);
	members_init(&swim->members);
	spread_init(&swim->spread);
	spread_init(&swim->spread_big);
	arena_init(&swim->arena, STEP_MAX_BYTES);
	swim->next_seq = (uint32_t)rng_u64(&swim->rng);
	swim->sends = calloc(MAX_SENDS, sizeof(struct swim_send));
	swim->changes = calloc(MAX_CHANGES, sizeof(struct swim_change));
	if (!swim->sends || !swim->changes)
		return err_new(-ENOMEM);

	int r = own_begin(swim, self);
	if (r < 0)
		return err_pass(r);
	*ret_swim = TAKE(swim);
	return 0;
}

void swim_free(struct swim *swim)
{
	if (!swim)
		return;
	while (swim->members.n_all)
		roster_remove(swim, swim->members.all[swim->members.n_all - 1]);
	members_fini(&swim->members);
	arena_fini(&swim->arena);
	free(swim->sends);
	free(swim->changes);
	OBJ_FREE(swim);
}

mono_t jittered(struct swim *swim, uint32_t ms)
{
	return mono_add_us(swim->now, (int64_t)(ms * 1000.0 * (0.8 + 0.4 * rng_unit(&swim->rng))));
}

static bool among(struct member *const *members, size_t n, const struct member *member)
{
	for (size_t i = 0; i < n; i++)
		if (members[i] == member)
			return true;
	return false;
}

size_t pick_live(struct swim *swim, const struct member *except, size_t n,
		 struct member *ret_members[])
{
	size_t n_live = swim->members.n_live, n_picked = 0;

	if (n_live <= n) {
		for (size_t i = 0; i < n_live; i++)
			if (swim->members.live[i] != except)
				ret_members[n_picked++] = swim->members.live[i];
		return n_picked;
	}
	for (size_t tries = 0; tries < 8 * n && n_picked < n; tries++) {
		struct member *member = swim->members.live[rng_below(&swim->rng, n_live)];

		if (member != except && !among(ret_members, n_picked, member))
			ret_members[n_picked++] = member;
	}
	return n_picked;
}

static void on_received(struct swim *swim, const struct swim_event *event)
{
	const struct swim_message *message = event->message;

	MUST_SLOW(swim_message_ok(message));
	for (size_t i = 0; i < message->n_claims; i++)
		claims_apply(swim, event, &message->claims[i]);
	for (size_t i = 0; i < message->n_facts; i++)
		facts_apply(swim, &message->facts[i]);
	if (!members_find(&swim->members, &event->from))
		sync_want(swim, &event->from, &event->addr);

	switch (message->kind) {
	case SWIM_PING:
		probe_on_ping(swim, event);
		return;
	case SWIM_PING_REQ:
		probe_on_ping_req(swim, event);
		return;
	case SWIM_ACK:
		probe_on_ack(swim, event);
		return;
	case SWIM_NACK:
		probe_on_nack(swim, event);
		return;
	case SWIM_GOSSIP:
		return;
	case SWIM_SYNC_OPEN:
		sync_on_open(swim, event);
		return;
	case SWIM_SYNC_DATA:
		sync_on_data(swim, event);
		return;
	}
	UNREACHABLE();
}

static void apply(struct swim *swim, const struct swim_event *event)
{
	switch (event->kind) {
	case SWIM_TICK:
		return;
	case SWIM_RECEIVED:
		if (!id_equal(&event->from, &swim->me->id))
			on_received(swim, event);
		return;
	case SWIM_EVIDENCE:
		probe_on_evidence(swim, event);
		return;
	case SWIM_PUBLISH:
		own_publish(swim, event->key, event->bytes);
		return;
	case SWIM_SEEDS:
		redial_set_seeds(swim, event->seeds, event->n_seeds);
		return;
	case SWIM_LEAVE:
		own_leave(swim);
		return;
	}
	UNREACHABLE();
}

/* We were stopped, or starved: what we did not hear meanwhile says nothing about the others. */
static void wake_up(struct swim *swim, int64_t late_ms)
{
	struct member *member;

	probe_cancel_all(swim);
	probe_ail(swim, swim->conf->max_awareness / 2);
	LIST_FOREACH (member, &swim->members.suspects, by_state) {
		member->suspect_until = mono_add_ms(member->suspect_until, late_ms);
		member->since = mono_add_ms(member->since, late_ms);
	}
}

/* The first step brings the time. */
static void start_clocks(struct swim *swim)
{
	const struct swim_conf *conf = swim->conf;

	swim->probe_at =
		mono_add_ms(swim->now, (int64_t)rng_below(&swim->rng, conf->probe_period_ms));
	swim->sync_at =
		mono_add_ms(swim->now, (int64_t)rng_below(&swim->rng, conf->sync_period_ms));
	swim->gossip_at = swim->want_sync_at = swim->redial_at = swim->now;
	swim->sweep_at = mono_add_ms(swim->now, SWEEP_PERIOD_MS);
	swim->clash_at = mono_add_ms(swim->now, -CLASH_MEMORY_MS);
	swim->me->since = swim->me->alive_at = swim->now;
}

static mono_t run(struct swim *swim)
{
	/* Each statement may give the next one something to do, never the one before it. */
	mono_t next = claims_run(swim);

	next = mono_min(next, probe_run(swim));
	next = mono_min(next, claims_run(swim)); /* probes may have made suspects */
	next = mono_min(next, sync_run(swim));
	next = mono_min(next, redial_run(swim));
	next = mono_min(next, roster_run(swim));
	next = mono_min(next, gossip_run(swim));
	MUST(mono_before(swim->now, next));
	return next;
}

void swim_step(struct swim *swim, mono_t now, const struct swim_event *event,
	       struct swim_actions *ret_actions)
{
	MUST(swim->kind == SWIM_KIND_WORD && !mono_before(now, swim->now));
	arena_empty(&swim->arena);
	swim->n_sends = swim->n_changes = 0;
	swim->view_changed = swim->incarnation_raised = swim->identity_clash = false;
	swim->now = now;
	swim->n_steps++;

	if (!swim->started)
		start_clocks(swim);
	else if (mono_before(swim->due_at, now)) {
		int64_t late_ms = mono_diff_ms(now, swim->due_at);

		if (late_ms >= swim->conf->probe_period_ms)
			wake_up(swim, late_ms);
	}
	swim->started = true;
	apply(swim, event);
	swim->due_at = run(swim);

	*ret_actions = (struct swim_actions){
		.next_at = swim->due_at,
		.incarnation_raised = swim->incarnation_raised,
		.incarnation = swim->me->incarnation,
		.keep_changed = watch_run(swim),
		.n_keep = swim->n_kept,
		.sends = swim->sends,
		.n_sends = swim->n_sends,
		.changes = swim->changes,
		.n_changes = swim->n_changes,
		.view_changed = swim->view_changed,
		.identity_clash = swim->identity_clash,
	};
	memcpy(ret_actions->keep, swim->kept, sizeof(swim->kept));
}

const struct member *const *swim_members(const struct swim *swim, size_t *ret_n)
{
	*ret_n = swim->members.n_all;
	return (const struct member *const *)swim->members.all;
}

const struct member *swim_member(const struct swim *swim, const struct member_id *id)
{
	return members_find(&swim->members, id);
}

const struct member *swim_me(const struct swim *swim)
{
	return swim->me;
}

size_t swim_n_live(const struct swim *swim)
{
	return swim->members.n_live + 1;
}

uint64_t swim_counter(const struct swim *swim, enum swim_counter counter)
{
	return swim->counters[counter];
}

const char *swim_counter_word(enum swim_counter counter)
{
	return counter_words[counter];
}

const char *swim_counter_help(enum swim_counter counter)
{
	return counter_helps[counter];
}

uint32_t swim_awareness(const struct swim *swim)
{
	return swim->awareness;
}
