/* SPDX-License-Identifier: Apache-2.0
 *
 * own: what we say of ourselves. Only we raise our incarnation, and only for what bears a proof: an
 * accusation of our present one, or our own signature from another life. A number that is merely
 * claimed moves nothing, so nobody can drive it up.
 */
#include "cluster/swim/swim_priv.h"

#include "core/error.h"
#include "core/obj.h"

bool own_sign_claim(struct swim *swim, struct swim_claim *claim)
{
	uint8_t bytes[SWIM_SIGNED_CLAIM_MAX];
	size_t len = claim_signed_bytes(claim, bytes);

	return swim->env->sign(swim->env->arg, span_of(bytes, len), claim->signature) == 0;
}

bool own_verify(struct swim *swim, void *key, const struct swim_claim *claim)
{
	uint8_t bytes[SWIM_SIGNED_CLAIM_MAX];
	size_t len = claim_signed_bytes(claim, bytes);

	return key && swim->env->verify(swim->env->arg, key, span_of(bytes, len), claim->signature);
}

static bool sign_fact(struct swim *swim, struct swim_fact *fact)
{
	uint8_t *at = (uint8_t *)swim->signed_bytes;
	size_t len = fact_signed_bytes(fact, at);

	return swim->env->sign(swim->env->arg, span_of(at, len), fact->signature) == 0;
}

/* Says that we live, as we are now. */
static bool say_alive(struct swim *swim)
{
	struct member *me = swim->me;

	me->alive.incarnation = me->incarnation;
	me->alive_at = swim->now;
	if (!own_sign_claim(swim, &me->alive))
		return false;
	spread_add(&swim->spread, &me->item);
	roster_touch(swim, me);
	return true;
}

int own_begin(struct swim *swim, const struct swim_self *self)
{
	struct member *me = roster_add(swim, &self->id);

	if (!me)
		return err_new(-ENOMEM);
	if (self->certificate.len > SWIM_MAX_CERTIFICATE_BYTES || self->incarnation == 0 ||
	    self->incarnation > INT64_MAX)
		return err_new(-EINVAL);
	swim->me = me;
	me->is_self = true;
	memcpy(me->certificate, self->certificate.at, self->certificate.len);
	me->alive = (struct swim_claim){
		.kind = SWIM_ALIVE,
		.subject = self->id,
		.signer = self->id,
		.addr = self->addr,
		.protocol_min = SWIM_PROTOCOL_MIN,
		.protocol_max = SWIM_PROTOCOL_MAX,
		.certificate = span_of(me->certificate, self->certificate.len),
	};
	me->key = swim->env->key_open(swim->env->arg, &me->id, me->alive.certificate);
	if (!me->key)
		return err_new(-EINVAL);
	roster_goto(swim, me, MEMBER_ALIVE, MONO_ZERO);
	me->incarnation = swim->generation = self->incarnation;
	return say_alive(swim) ? 0 : err_new(-EIO);
}

/* Above `seen`. */
static void raise_incarnation(struct swim *swim, uint64_t seen)
{
	struct member *me = swim->me;

	MUST(seen >= me->incarnation);
	if (seen >= INT64_MAX) /* nobody counts that far: our own key says nonsense */
		return;
	me->incarnation = seen + 1;
	swim->incarnation_raised = true;
	(void)say_alive(swim);
}

/* Another life of ours has come further: what we say must win over what it said. */
static void begin_new_life(struct swim *swim, uint64_t seen)
{
	struct facts *facts = &swim->me->facts;

	raise_incarnation(swim, MAX(seen, swim->me->incarnation));
	swim->generation = swim->me->incarnation;
	facts->generation = swim->generation;
	for (size_t i = 0; i < facts->n; i++) {
		struct fact *fact = facts->all[i];

		fact->said.generation = swim->generation;
		if (sign_fact(swim, &fact->said))
			facts_queue(swim, swim->me, fact);
	}
	roster_touch(swim, swim->me);
}

/* Once is a disk that was lost; again and again is a second member with our key. The two outbid
 * each other, so each does it once a second at most. */
static void defend_identity(struct swim *swim, uint64_t seen)
{
	int64_t since_ms = mono_diff_ms(swim->now, swim->clash_at);

	if (since_ms < CLASH_SPACING_MS)
		return;
	if (since_ms < CLASH_MEMORY_MS) {
		swim->identity_clash = true;
		count(swim, SWIM_N_CLASHES);
	}
	swim->clash_at = swim->now;
	begin_new_life(swim, seen);
	gossip_urgent(swim, swim->me);
}

static void on_alive(struct swim *swim, const struct swim_claim *claim)
{
	const struct member *me = swim->me;

	if (claim->incarnation < me->incarnation ||
	    (claim->incarnation == me->incarnation &&
	     memcmp(claim->signature, me->alive.signature, SWIM_SIGNATURE_BYTES) == 0)) {
		count(swim, SWIM_N_CLAIMS_OLD);
		return;
	}
	if (!own_verify(swim, me->key, claim)) {
		count(swim, SWIM_N_CLAIMS_FORGED);
		return;
	}
	defend_identity(swim, claim->incarnation);
}

static void on_left(struct swim *swim, const struct swim_claim *claim)
{
	if (claim->incarnation < swim->me->incarnation) {
		count(swim, SWIM_N_CLAIMS_OLD);
	} else if (!own_verify(swim, swim->me->key, claim)) {
		count(swim, SWIM_N_CLAIMS_FORGED);
	} else {
		begin_new_life(swim, claim->incarnation);
		gossip_urgent(swim, swim->me);
	}
}

static void on_accused(struct swim *swim, const struct swim_claim *claim)
{
	const struct member *signer = members_find(&swim->members, &claim->signer);

	if (claim->incarnation < swim->me->incarnation) {
		count(swim, SWIM_N_CLAIMS_OLD);
	} else if (!signer || claim->incarnation > swim->me->incarnation) {
		count(swim, SWIM_N_CLAIMS_UNKNOWN);
	} else if (!own_verify(swim, signer->key, claim)) {
		count(swim, SWIM_N_CLAIMS_FORGED);
	} else {
		count(swim, SWIM_N_REFUTATIONS);
		probe_ail(swim, 1);
		/* It may be our last life that was dead, if our disk was lost: its facts must not
		 * stand beside ours. */
		if (claim->kind == SWIM_DEAD)
			begin_new_life(swim, claim->incarnation);
		else
			raise_incarnation(swim, claim->incarnation);
		gossip_urgent(swim, swim->me);
	}
}

void own_on_claim(struct swim *swim, const struct swim_claim *claim)
{
	if (swim->leaving)
		return;
	switch (claim->kind) {
	case SWIM_ALIVE:
		on_alive(swim, claim);
		return;
	case SWIM_LEFT:
		on_left(swim, claim);
		return;
	case SWIM_SUSPECT:
	case SWIM_DEAD:
		on_accused(swim, claim);
		return;
	}
	UNREACHABLE();
}

void own_on_fact(struct swim *swim, const struct swim_fact *said)
{
	const struct fact *ours = facts_find(&swim->me->facts, said->key);
	bool foreign = said->generation == swim->generation &&
		       (!ours || said->version > ours->said.version ||
			(said->version == ours->said.version && !fact_same(said, &ours->said)));

	if (swim->leaving || (said->generation <= swim->generation && !foreign)) {
		count(swim, SWIM_N_FACTS_OLD);
	} else if (!facts_verify(swim, swim->me, said)) {
		count(swim, SWIM_N_FACTS_FORGED);
	} else {
		defend_identity(swim, said->generation);
	}
}

void own_publish(struct swim *swim, uint32_t key, struct span bytes)
{
	struct member *me = swim->me;
	struct fact *fact = facts_find(&me->facts, key);

	if (fact && span_eq(fact->said.bytes, bytes))
		return;
	struct swim_fact said = {
		.owner = me->id,
		.key = key,
		.generation = swim->generation,
		.version = fact ? fact->said.version + 1 : 1,
		.bytes = bytes,
	};
	if (bytes.len > SWIM_MAX_FACT_BYTES || facts_look(&me->facts, &said) != FACTS_NEW) {
		count(swim, SWIM_N_FACTS_FULL);
		return;
	}
	if (!sign_fact(swim, &said) || facts_put(&me->facts, &said, &fact) < 0) {
		count(swim, SWIM_N_NO_MEMORY);
		return;
	}
	facts_queue(swim, me, fact);
	roster_touch(swim, me);
}

void own_leave(struct swim *swim)
{
	struct member *me = swim->me;
	struct swim_claim left = {
		.kind = SWIM_LEFT,
		.subject = me->id,
		.signer = me->id,
		.incarnation = me->incarnation,
	};

	if (swim->leaving || !own_sign_claim(swim, &left))
		return;
	swim->leaving = true;
	probe_cancel_all(swim);
	me->against[0] = left;
	me->n_against = 1;
	roster_goto(swim, me, MEMBER_LEFT, swim->now);
	swim->ring_changed = true;
	spread_add(&swim->spread, &me->item);
	roster_touch(swim, me);
	gossip_urgent(swim, me);
}
