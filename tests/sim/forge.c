/* SPDX-License-Identifier: Apache-2.0
 *
 * forge: signatures that cost a hash instead of a curve, and a member without scruples. A signature
 * is a keyed hash; only the harness knows the keys, so the core can forge as little as with
 * Ed25519.
 */
#include "sim.h"

#include "core/must.h"
#include "core/obj.h"

struct signer {
	struct swim_env env;
	const struct world *world;
	uint64_t secret;
};

static uint64_t secret_of(const struct member_id *id)
{
	return hash_fixed(span_of(id->bytes, MEMBER_ID_BYTES), 0x5ec7e7);
}

static void make_signature(uint64_t secret, struct span bytes, uint8_t ret[SWIM_SIGNATURE_BYTES])
{
	uint64_t hash = hash_fixed(bytes, secret);

	memset(ret, 0, SWIM_SIGNATURE_BYTES);
	memcpy(ret, &hash, sizeof(hash));
}

static int env_sign(void *arg, struct span bytes, uint8_t ret_signature[SWIM_SIGNATURE_BYTES])
{
	const struct signer *signer = arg;

	make_signature(signer->secret, bytes, ret_signature);
	return 0;
}

static void certify(const struct member_id *id, uint8_t at[24])
{
	uint64_t stamp = hash_fixed(span_of(id->bytes, MEMBER_ID_BYTES), 0xce47);

	memset(at, 0, 24);
	memcpy(at, id->bytes, MEMBER_ID_BYTES);
	memcpy(at + 8, &stamp, sizeof(stamp));
}

static void *env_key_open(void *arg, const struct member_id *id, struct span certificate)
{
	const struct signer *signer = arg;
	uint8_t right[24];

	certify(id, right);
	if (!span_eq(certificate, span_of(right, sizeof(right))) &&
	    signer->world->breakage != BREAK_SIGNATURES)
		return NULL;
	uint64_t *key = malloc(sizeof(*key));
	MUST(key);
	*key = secret_of(id);
	return key;
}

static void env_key_close(void *arg, void *key)
{
	(void)arg;
	free(key);
}

static bool env_verify(void *arg, void *key, struct span bytes,
		       const uint8_t signature[SWIM_SIGNATURE_BYTES])
{
	const struct signer *signer = arg;
	uint8_t right[SWIM_SIGNATURE_BYTES];

	make_signature(*(const uint64_t *)key, bytes, right);
	return memcmp(right, signature, sizeof(right)) == 0 ||
	       signer->world->breakage == BREAK_SIGNATURES;
}

const struct swim_env *forge_env(struct world *world, size_t host)
{
	struct signer *signer = calloc(1, sizeof(*signer));

	MUST(signer);
	*signer = (struct signer){
		.env = { .arg = signer,
			 .sign = env_sign,
			 .key_open = env_key_open,
			 .key_close = env_key_close,
			 .verify = env_verify },
		.world = world,
		.secret = secret_of(&world->hosts[host].id),
	};
	return &signer->env;
}

void forge_env_free(const struct swim_env *env)
{
	if (env)
		free(env->arg);
}

void forge_certificate(struct world *world, struct host *host)
{
	(void)world;
	certify(&host->id, host->certificate);
}

size_t fact_content(size_t host, uint32_t key, uint64_t sequence, uint8_t at[64])
{
	uint64_t parts[3] = { host, key, sequence };

	memset(at, 0, 64);
	memcpy(at, parts, sizeof(parts));
	return 64;
}

bool fact_sequence(struct span bytes, size_t host, uint32_t key, uint64_t *ret_sequence)
{
	uint64_t parts[3];

	if (bytes.len != 64)
		return false;
	memcpy(parts, bytes.at, sizeof(parts));
	*ret_sequence = parts[2];
	return parts[0] == host && parts[1] == key;
}

static void send_claims(struct world *world, size_t from, size_t to, const struct swim_claim *claim,
			const struct swim_fact *fact)
{
	struct swim_send send = {
		.to_known = true,
		.to = world->hosts[to].id,
		.addr = world->hosts[to].addr,
		.via = SWIM_UDP,
		.message = { .kind = SWIM_GOSSIP,
			     .claims = claim,
			     .n_claims = claim != NULL,
			     .facts = fact,
			     .n_facts = fact != NULL },
	};

	net_send(world, from, &send);
}

static struct swim_claim false_claim(struct world *world, size_t from, size_t about)
{
	const struct host *victim = &world->hosts[about], *other = &world->hosts[from];
	enum swim_claim_kind kind = (enum swim_claim_kind)rng_below(&world->rng, 4);
	struct swim_claim claim = {
		.kind = kind,
		.subject = victim->id,
		.incarnation = victim->top_incarnation + rng_below(&world->rng, 3),
		.signer = kind == SWIM_SUSPECT || kind == SWIM_DEAD ? other->id : victim->id,
		.refused = kind == SWIM_SUSPECT,
		.addr = other->addr,
		.protocol_min = 1,
		.protocol_max = 1,
		.certificate = span_of(victim->certificate, sizeof(victim->certificate)),
	};

	/* A third one is made to have said it. */
	if (kind == SWIM_SUSPECT || kind == SWIM_DEAD) {
		size_t third = rng_below(&world->rng, world->n_hosts);

		if (third != about)
			claim.signer = world->hosts[third].id;
	}
	for (size_t i = 0; i < 8; i++)
		claim.signature[i] = (uint8_t)rng_u64(&world->rng);
	return claim;
}

void forge_send(struct world *world, size_t from, size_t to)
{
	size_t about = rng_below(&world->rng, world->n_hosts);

	if (about == from)
		return;
	if (rng_below(&world->rng, 2)) {
		struct swim_claim claim = false_claim(world, from, about);

		send_claims(world, from, to, &claim, NULL);
		return;
	}
	uint8_t content[64];
	uint32_t key = (uint32_t)rng_below(&world->rng, N_KEYS);
	struct swim_fact fact = {
		.owner = world->hosts[about].id,
		.key = key,
		.generation = world->hosts[about].top_incarnation + rng_below(&world->rng, 2),
		.version = 1000000,
		.bytes = span_of(content, fact_content(about, key, UINT64_MAX, content)),
	};

	send_claims(world, from, to, NULL, &fact);
}

static struct swim_claim true_accusation(struct world *world, enum swim_claim_kind kind,
					 size_t from, size_t accused)
{
	uint8_t bytes[SWIM_SIGNED_CLAIM_MAX];
	struct swim_claim claim = {
		.kind = kind,
		.subject = world->hosts[accused].id,
		.incarnation = world->hosts[accused].top_incarnation,
		.signer = world->hosts[from].id,
	};
	size_t len = claim_signed_bytes(&claim, bytes);

	make_signature(secret_of(&claim.signer), span_of(bytes, len), claim.signature);
	return claim;
}

void forge_accuse(struct world *world, size_t n_accusers, size_t to, size_t accused)
{
	struct swim_claim claims[2] = {
		true_accusation(world, n_accusers > 1 ? SWIM_SUSPECT : SWIM_DEAD, 0, accused),
		true_accusation(world, SWIM_DEAD, 1, accused),
	};
	struct swim_send send = {
		.to_known = true,
		.to = world->hosts[to].id,
		.addr = world->hosts[to].addr,
		.via = SWIM_UDP,
		.message = { .kind = SWIM_GOSSIP, .claims = claims, .n_claims = n_accusers },
	};

	net_send(world, 0, &send);
}
