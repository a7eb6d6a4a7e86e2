/* SPDX-License-Identifier: Apache-2.0
 *
 * claims: what is said of other members. Of two claims the later in the order (incarnation, alive <
 * suspect < dead < left) holds. An accusation counts only against an incarnation that its subject
 * has signed and we have seen: nobody else can raise it.
 */
#include "cluster/swim/swim_priv.h"

#include "cluster/member/suspicion.h"
#include "core/obj.h"

_Static_assert((int)SWIM_ALIVE == (int)MEMBER_ALIVE && (int)SWIM_SUSPECT == (int)MEMBER_SUSPECT &&
		       (int)SWIM_DEAD == (int)MEMBER_DEAD && (int)SWIM_LEFT == (int)MEMBER_LEFT,
	       "claims and states have one order");

/* Whoever accused wrongly does not confirm for a while: one above is a refutation, a new life
 * begins higher. What TCP said was no opinion, and a death of long ago was a split, and nobody's
 * fault. */
static void take_credit(struct swim *swim, const struct member *member)
{
	if (!is_live(member) && mono_diff_ms(swim->now, member->since) >= swim->conf->old_news_ms)
		return;
	for (size_t i = 0; i < member->n_against; i++) {
		const struct swim_claim *claim = &member->against[i];
		struct member *signer = members_find(&swim->members, &claim->signer);

		if (signer && !signer->is_self && !claim->refused)
			signer->no_credit_until = mono_add_ms(swim->now, swim->conf->credit_ms);
	}
}

/* It has verified, and is later than what we had. `key` is moved. */
static void take_alive(struct swim *swim, struct member *member, const struct swim_claim *claim,
		       void *key)
{
	if (!is_live(member) && member->incarnation)
		count(swim, SWIM_N_REVIVALS);
	if (claim->incarnation == member->incarnation + 1)
		take_credit(swim, member);
	if (member->key && member->key != key)
		swim->env->key_close(swim->env->arg, member->key);
	if (is_live(member) && !addr_eq(&member->alive.addr, &claim->addr))
		swim->ring_changed = true;

	roster_goto(swim, member, MEMBER_ALIVE, swim->now);
	member->key = key;
	member->incarnation = claim->incarnation;
	member->n_against = 0;
	member->alive_at = swim->now;
	memcpy(member->certificate, claim->certificate.at, claim->certificate.len);
	member->alive = *claim;
	member->alive.certificate = span_of(member->certificate, claim->certificate.len);
	spread_add(&swim->spread, &member->item);
	roster_touch(swim, member);
	count(swim, SWIM_N_CLAIMS_USED);
}

/* Whoever said that does not know what we know; most of all the subject itself, after a restart. */
static void on_stale_alive(struct swim *swim, const struct swim_event *event,
			   const struct swim_claim *claim, struct member *member)
{
	bool from_itself = id_equal(&event->from, &member->id);
	bool differs = claim->incarnation < member->incarnation || member->state != MEMBER_ALIVE ||
		       !addr_eq(&claim->addr, &member->alive.addr);

	count(swim, SWIM_N_CLAIMS_OLD);
	if (from_itself ? differs : !is_live(member))
		gossip_answer(swim, event, member);
}

static void apply_alive(struct swim *swim, const struct swim_event *event,
			const struct swim_claim *claim)
{
	struct member *member = members_find(&swim->members, &claim->subject);

	if (member && claim->incarnation <= member->incarnation) {
		on_stale_alive(swim, event, claim, member);
		return;
	}
	bool same = member && member->key && span_eq(member->alive.certificate, claim->certificate);
	void *key = same ? member->key
			 : swim->env->key_open(swim->env->arg, &claim->subject, claim->certificate);
	bool verified = own_verify(swim, key, claim);
	bool was_gone = member && !is_live(member);

	if (!verified)
		count(swim, SWIM_N_CLAIMS_FORGED);
	else if (!member)
		member = roster_add(swim, &claim->subject);
	if (!verified || !member) {
		if (key && !same)
			swim->env->key_close(swim->env->arg, key);
		return;
	}
	take_alive(swim, member, claim, key);
	/* It came back, or a split heals: let both sides know all at once. */
	if (was_gone && id_equal(&event->from, &claim->subject))
		sync_want(swim, &member->id, &member->alive.addr);
}

static const struct swim_claim *witness_beside(const struct member *member,
					       const struct member_id *signer)
{
	for (size_t i = 0; i < member->n_against; i++)
		if (!id_equal(&member->against[i].signer, signer))
			return &member->against[i];
	return NULL;
}

/* A death travels with one other witness, so that it can be believed at once, and as one claim when
 * there is none. The witness stands first: it is read first. */
static void set_death(struct member *member, const struct swim_claim *death)
{
	const struct swim_claim *witness = witness_beside(member, &death->signer);
	struct swim_claim kept;

	member->n_against = 0;
	if (witness) {
		kept = *witness;
		member->against[member->n_against++] = kept;
	}
	member->against[member->n_against++] = *death;
}

static void queue_change(struct swim *swim, struct member *member)
{
	spread_add(&swim->spread, &member->item);
	roster_touch(swim, member);
}

/* Dead by our own judgement. */
static void declare_dead(struct swim *swim, struct member *member, bool at_once)
{
	struct swim_claim claim = {
		.kind = SWIM_DEAD,
		.subject = member->id,
		.signer = swim->me->id,
		.incarnation = member->incarnation,
	};

	if (!own_sign_claim(swim, &claim)) {
		member->suspect_until = mono_add_ms(swim->now, MS_PER_S);
		return;
	}
	count(swim, SWIM_N_DEATHS);
	set_death(member, &claim);
	roster_goto(swim, member, MEMBER_DEAD, swim->now);
	queue_change(swim, member);
	if (at_once)
		gossip_urgent(swim, member);
}

static size_t n_refused(const struct member *member)
{
	size_t n = 0;

	for (size_t i = 0; i < member->n_against; i++)
		n += member->against[i].refused;
	return n;
}

static void set_suspect_until(struct swim *swim, struct member *member)
{
	const struct swim_conf *conf = swim->conf;
	size_t n = swim_n_live(swim), n_others = n > 2 ? n - 2 : 0;
	uint32_t least_ms = swim_suspicion_min_ms(conf, n);

	member->suspect_until = mono_add_ms(
		member->since,
		suspicion_ms(least_ms, least_ms * conf->suspicion_max_factor, member->n_against - 1,
			     MIN(conf->suspicion_confirmations, n_others)));
}

/* One more accuses it, or on better grounds; the accusation is in. */
static void suspect_more(struct swim *swim, struct member *member)
{
	size_t n_observers = MIN(swim->conf->refused_observers, swim_n_live(swim) - 1);

	roster_goto(swim, member, MEMBER_SUSPECT, swim->now);
	set_suspect_until(swim, member);
	if (n_refused(member) >= n_observers)
		declare_dead(swim, member, true);
	else
		queue_change(swim, member);
}

static struct swim_claim *accusation_by(struct member *member, const struct member_id *signer)
{
	for (size_t i = 0; i < member->n_against; i++)
		if (id_equal(&member->against[i].signer, signer))
			return &member->against[i];
	return NULL;
}

static bool is_news(struct member *member, const struct swim_claim *claim)
{
	const struct swim_claim *old = accusation_by(member, &claim->signer);

	return old ? claim->refused && !old->refused : member->n_against < MEMBER_MAX_ACCUSERS;
}

/* Where a new accusation goes: over the signer's last; NULL: it says nothing new. */
static struct swim_claim *place_for(struct member *member, const struct swim_claim *claim)
{
	if (!is_news(member, claim))
		return NULL;
	struct swim_claim *old = accusation_by(member, &claim->signer);
	return old ? old : &member->against[member->n_against++];
}

void claims_accuse(struct swim *swim, struct member *member, bool refused)
{
	struct swim_claim claim = {
		.kind = SWIM_SUSPECT,
		.subject = member->id,
		.signer = swim->me->id,
		.incarnation = member->incarnation,
		.refused = refused,
	};

	if (swim->leaving || !is_live(member) || member->is_self || !own_sign_claim(swim, &claim))
		return;
	struct swim_claim *place = place_for(member, &claim);
	if (!place)
		return;
	*place = claim;
	count(swim, refused ? SWIM_N_REFUSED : SWIM_N_SUSPICIONS);
	suspect_more(swim, member);
	if (refused && member->state == MEMBER_SUSPECT)
		gossip_urgent(swim, member);
}

/* Directed confirmation: a few of us look for themselves at once. */
static void confirm(struct swim *swim, struct member *member, bool by_tcp)
{
	double share = (double)swim->conf->confirm_members / (double)swim_n_live(swim);

	if (rng_unit(&swim->rng) < share && is_live(member) &&
	    !accusation_by(member, &swim->me->id))
		probe_start(swim, member, false, by_tcp);
}

/* For whoever sends it. Not signed, but who lies about it only makes us ask the accused. */
static bool is_old_news(const struct swim *swim, const struct swim_claim *claim)
{
	return claim->age_s >= swim->conf->old_news_ms / MS_PER_S;
}

static void apply_suspect(struct swim *swim, const struct swim_claim *claim, struct member *member,
			  struct member *signer)
{
	bool was_alive = member->state == MEMBER_ALIVE;
	bool old_news = is_old_news(swim, claim);

	if (old_news || (!was_alive && mono_before(swim->now, signer->no_credit_until))) {
		gossip_tell_accused(swim, member, claim);
		count(swim, old_news ? SWIM_N_CLAIMS_OLD : SWIM_N_CLAIMS_NO_CREDIT);
		return;
	}
	if (!is_news(member, claim)) {
		count(swim, SWIM_N_CLAIMS_OLD);
		return;
	}
	if (!own_verify(swim, signer->key, claim)) {
		count(swim, SWIM_N_CLAIMS_FORGED);
		return;
	}
	struct swim_claim *place = place_for(member, claim);
	MUST(place);
	*place = *claim;
	count(swim, SWIM_N_CLAIMS_USED);
	suspect_more(swim, member);
	if (was_alive || claim->refused)
		confirm(swim, member, claim->refused);
}

/* Whom do we believe? A split heals: each side brings deaths that the other side knows better. A
 * member was cut off alone: it brings the deaths of all. So one voice is not enough when others
 * could have seen it too, and old news is none about a member that lives here. A member that we
 * have just come to know by the same message has nobody here who knows better. */
static bool death_is_believed(const struct swim *swim, const struct swim_claim *claim,
			      const struct member *member)
{
	bool is_new = member->met_in_step == swim->n_steps;
	bool old_news = is_old_news(swim, claim);

	if (is_new)
		return true;
	return !old_news && witness_beside(member, &claim->signer);
}

static void apply_dead(struct swim *swim, const struct swim_claim *claim, struct member *member,
		       const struct member *signer)
{
	bool old_news = is_old_news(swim, claim);

	if (!own_verify(swim, signer->key, claim)) {
		count(swim, SWIM_N_CLAIMS_FORGED);
		return;
	}
	if (death_is_believed(swim, claim, member)) {
		count(swim, SWIM_N_CLAIMS_USED);
		set_death(member, claim);
		roster_goto(swim, member, MEMBER_DEAD,
			    mono_add_ms(swim->now, -MS_PER_S * (int64_t)claim->age_s));
		queue_change(swim, member);
		return;
	}
	/* The accused itself is to answer; if it cannot, our own probes will tell. */
	gossip_tell_accused(swim, member, claim);
	if (old_news || mono_before(swim->now, signer->no_credit_until)) {
		count(swim, old_news ? SWIM_N_CLAIMS_OLD : SWIM_N_CLAIMS_NO_CREDIT);
		return;
	}
	struct swim_claim *place = place_for(member, claim);
	if (place) {
		count(swim, SWIM_N_CLAIMS_USED);
		*place = *claim;
		suspect_more(swim, member);
	}
}

static void apply_accusation(struct swim *swim, const struct swim_event *event,
			     const struct swim_claim *claim)
{
	struct member *member = members_find(&swim->members, &claim->subject);
	struct member *signer = members_find(&swim->members, &claim->signer);

	if (!member || !signer) {
		count(swim, SWIM_N_CLAIMS_UNKNOWN);
	} else if (claim->incarnation > member->incarnation) {
		count(swim, SWIM_N_CLAIMS_UNKNOWN);
		sync_want(swim, &event->from, &event->addr);
	} else if (claim->incarnation < member->incarnation || !is_live(member) ||
		   signer->is_self) {
		count(swim, SWIM_N_CLAIMS_OLD);
	} else if (claim->kind == SWIM_SUSPECT) {
		apply_suspect(swim, claim, member, signer);
	} else {
		apply_dead(swim, claim, member, signer);
	}
}

static void apply_left(struct swim *swim, const struct swim_claim *claim)
{
	struct member *member = members_find(&swim->members, &claim->subject);

	if (!member) {
		count(swim, SWIM_N_CLAIMS_UNKNOWN);
		return;
	}
	if (claim->incarnation < member->incarnation || member->state == MEMBER_LEFT) {
		count(swim, SWIM_N_CLAIMS_OLD);
		return;
	}
	if (!own_verify(swim, member->key, claim)) {
		count(swim, SWIM_N_CLAIMS_FORGED);
		return;
	}
	count(swim, SWIM_N_CLAIMS_USED);
	member->incarnation = claim->incarnation;
	member->against[0] = *claim;
	member->n_against = 1;
	roster_goto(swim, member, MEMBER_LEFT,
		    mono_add_ms(swim->now, -MS_PER_S * (int64_t)claim->age_s));
	queue_change(swim, member);
}

void claims_apply(struct swim *swim, const struct swim_event *event, const struct swim_claim *claim)
{
	if (id_equal(&claim->subject, &swim->me->id)) {
		own_on_claim(swim, claim);
		return;
	}
	switch (claim->kind) {
	case SWIM_ALIVE:
		apply_alive(swim, event, claim);
		return;
	case SWIM_SUSPECT:
	case SWIM_DEAD:
		apply_accusation(swim, event, claim);
		return;
	case SWIM_LEFT:
		apply_left(swim, claim);
		return;
	}
	UNREACHABLE();
}

mono_t claims_run(struct swim *swim)
{
	struct member *member, *next;
	mono_t next_at = MONO_NEVER;

	LIST_FOREACH_SAFE (member, &swim->members.suspects, by_state, next) {
		if (!swim->leaving && due(swim, member->suspect_until))
			declare_dead(swim, member, false);
		if (member->state == MEMBER_SUSPECT && !swim->leaving)
			next_at = mono_min(next_at, member->suspect_until);
	}
	return next_at;
}
