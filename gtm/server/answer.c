/* SPDX-License-Identifier: Apache-2.0
 *
 * answer: see the header. Owner names are pointers: to the question, to the end of it (SOA, NS of a
 * cut), or to a name inside rdata that was just copied (a CNAME's target, the server of a
 * delegation).
 */
#include "gtm/server/answer.h"

#include "core/obj.h"
#include "gtm/server/gtm_metrics.h"
#include "gtm/server/query.h"

enum {
	FLAG_QR = 0x8000,
	FLAG_AA = 0x0400,
	FLAG_TC = 0x0200,
	FLAG_RD = 0x0100,
	RECORD_HEAD = 12,
	OPT_BYTES = 11,
	OPTION_ECS = 8,
	OPTION_EDE = 15,
	EDE_NOT_READY = 14, /* RFC 8914 4.15 */
	MAX_CNAMES = 8,
	MAX_POINTER = 0x3fff, /* RFC 1035 4.1.4 */
};

/* The packet under way. `len` never passes `room`; what does not fit sets `truncated`. */
struct answer {
	const struct serving *serving;
	struct query query;
	const struct zone *zone;
	uint8_t *out;
	size_t len, room; /* room leaves place for the OPT */
	uint16_t n_answers, n_authorities, n_additionals;
	uint16_t flags;
	uint8_t rcode;
	uint8_t scope_bits;
	bool not_ready; /* EDE */
	bool truncated;
};

static void put_u16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint16_t get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* ---- record sets --------------------------------------------------------------------------- */

/* Copies a set whose owner stands at `owner` in the packet. */
static bool add_set(struct answer *a, const struct rr_image *image, size_t owner, uint16_t *count)
{
	if (image->len > a->room - a->len || owner > MAX_POINTER) {
		a->truncated = true;
		return false;
	}
	uint8_t *at = a->out + a->len;
	memcpy(at, image->bytes, image->len);
	if (owner != IMAGE_QUESTION_AT) {
		for (uint8_t *end = at + image->len; at < end; at += RECORD_HEAD + get_u16(at + 10))
			put_u16(at, (uint32_t)(0xc000 | owner));
	}
	a->len += image->len;
	*count = (uint16_t)(*count + image->n_records);
	return true;
}

/* Where a name that ends the question's stands. */
static size_t owner_in_question(const struct answer *a, struct span name)
{
	return (size_t)IMAGE_QUESTION_AT + a->query.name_len - name.len;
}

static void add_denial(struct answer *a)
{
	add_set(a, zone_denial_soa(a->zone), owner_in_question(a, zone_name(a->zone)),
		&a->n_authorities);
}

/* ---- what a node says ---------------------------------------------------------------------- */

static struct client_net client_of(const struct answer *a, const struct addr *from)
{
	const struct query *q = &a->query;

	return q->has_ecs ? client_net_of_ecs(q->ecs_family, q->ecs_source_bits, q->ecs_bytes, from)
			  : client_net_of_addr(from);
}

static void answer_steered(struct answer *a, const struct zone_node *node, const struct addr *from,
			   size_t owner)
{
	struct client_net client = client_of(a, from);
	struct steer_answer chosen;
	struct metric_block *metrics = a->serving->metrics;

	if (steer_choose(a->serving->steer, (size_t)node->steer, a->query.type, &client, &chosen) ==
	    STEER_NOTHING) {
		a->rcode = RCODE_SERVFAIL;
		a->flags &= (uint16_t)~FLAG_AA;
		a->not_ready = true;
		return;
	}
	metric_add(metrics, chosen.region < 0 ? GTM_METRIC_FALLBACK : GTM_METRIC_STEERED, 1);
	a->scope_bits = chosen.scope_bits;
	for (size_t i = 0; i < chosen.n_images; i++)
		add_set(a, chosen.images[i], owner, &a->n_answers);
	if (chosen.n_images == 0)
		add_denial(a);
}

static bool is_steered_type(uint16_t type)
{
	return type == DNS_TYPE_A || type == DNS_TYPE_AAAA;
}

/* RFC 8482: one set of those that are there. */
static const struct rr_image *set_for(const struct zone_node *node, uint16_t type)
{
	if (type == DNS_TYPE_ANY)
		return node->n_sets ? node->sets[0] : NULL;
	return zone_node_set(node, type);
}

/* The target of a CNAME that was just copied: where its name stands, and the name in lower case. */
static struct span cname_target(const struct answer *a, size_t at, uint8_t name[ZONE_MAX_NAME])
{
	size_t len = get_u16(a->out + at - 2);

	MUST(len <= ZONE_MAX_NAME && at + len <= a->len);
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = a->out[at + i];
		name[i] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
	}
	return span_of(name, len);
}

static void add_glue(struct answer *a, size_t ns_at, size_t ns_end)
{
	for (size_t at = ns_at; at < ns_end; at += RECORD_HEAD + get_u16(a->out + at + 10)) {
		uint8_t text[ZONE_MAX_NAME];
		struct span name = cname_target(a, at + RECORD_HEAD, text);
		const struct zone_node *node = zone_exact(a->zone, name);
		for (size_t i = 0; node && i < node->n_sets; i++) {
			if (is_steered_type(node->sets[i]->type))
				add_set(a, node->sets[i], at + RECORD_HEAD, &a->n_additionals);
		}
	}
}

static void answer_referral(struct answer *a, const struct zone_node *cut)
{
	size_t at = a->len;

	a->flags &= (uint16_t)~FLAG_AA;
	if (add_set(a, zone_node_set(cut, DNS_TYPE_NS), owner_in_question(a, cut->name),
		    &a->n_authorities))
		add_glue(a, at, a->len);
}

/* After a CNAME just the same: RFC 6604 3, 2308 2. */
static void deny(struct answer *a, bool no_such_name)
{
	if (no_such_name)
		a->rcode = RCODE_NXDOMAIN;
	add_denial(a);
}

/* Follows CNAMEs inside the zone, at most MAX_CNAMES. */
static void answer_name(struct answer *a, const struct addr *from)
{
	uint8_t target[ZONE_MAX_NAME];
	struct span name = span_of(a->query.name, a->query.name_len);
	size_t owner = IMAGE_QUESTION_AT;

	for (unsigned i = 0; i < MAX_CNAMES; i++) {
		const struct zone_node *node;
		int outcome = zone_lookup(a->zone, name, &node);
		if (outcome == ZONE_REFERRAL) {
			if (i == 0)
				answer_referral(a, node);
			return;
		}
		if (outcome == ZONE_NXDOMAIN) {
			deny(a, true);
			return;
		}
		if (node->steer >= 0 && is_steered_type(a->query.type)) {
			answer_steered(a, node, from, owner);
			return;
		}
		const struct rr_image *set = set_for(node, a->query.type);
		if (set) {
			add_set(a, set, owner, &a->n_answers);
			return;
		}
		const struct rr_image *cname = zone_node_set(node, DNS_TYPE_CNAME);
		size_t at = a->len + RECORD_HEAD;
		if (!cname) {
			deny(a, false);
			return;
		}
		if (!add_set(a, cname, owner, &a->n_answers))
			return;
		name = cname_target(a, at, target);
		owner = at;
		if (zone_set_find(a->serving->zones, name) != a->zone)
			return;
	}
}

static void answer_question(struct answer *a, const struct addr *from)
{
	enum { CLASS_IN = 1 };

	bool transfer = a->query.type == DNS_TYPE_AXFR || a->query.type == DNS_TYPE_IXFR;

	a->zone = a->query.class == CLASS_IN && !transfer
			  ? zone_set_find(a->serving->zones,
					  span_of(a->query.name, a->query.name_len))
			  : NULL;
	if (!a->zone) {
		a->rcode = RCODE_REFUSED;
		return;
	}
	a->flags |= FLAG_AA;
	answer_name(a, from);
}

/* ---- the frame ----------------------------------------------------------------------------- */

static size_t ecs_len(const struct query *query)
{
	return query->has_ecs ? 8 + query->ecs_bytes.len : 0;
}

static size_t opt_room(const struct query *query)
{
	enum { EDE_LEN = 6 };

	return query->has_edns ? OPT_BYTES + ecs_len(query) + EDE_LEN : 0;
}

static uint8_t *put_ecs(uint8_t *at, const struct answer *a)
{
	const struct query *q = &a->query;

	put_u16(at, OPTION_ECS);
	put_u16(at + 2, (uint32_t)(4 + q->ecs_bytes.len));
	put_u16(at + 4, q->ecs_family);
	at[6] = q->ecs_source_bits;
	at[7] = a->scope_bits;
	if (q->ecs_bytes.len)
		memcpy(at + 8, q->ecs_bytes.at, q->ecs_bytes.len);
	return at + ecs_len(q);
}

static uint8_t *put_ede(uint8_t *at)
{
	put_u16(at, OPTION_EDE);
	put_u16(at + 2, 2);
	put_u16(at + 4, EDE_NOT_READY);
	return at + 6;
}

static void add_opt(struct answer *a)
{
	uint8_t *start = a->out + a->len, *at = start + OPT_BYTES;

	if (!a->query.has_edns)
		return;
	start[0] = 0;
	put_u16(start + 1, DNS_TYPE_OPT);
	put_u16(start + 3, DNS_MAX_UDP);
	start[5] = a->rcode >> 4;
	start[6] = 0;
	put_u16(start + 7, a->query.wants_dnssec ? 0x8000 : 0);
	if (a->query.has_ecs && a->rcode != RCODE_FORMERR)
		at = put_ecs(at, a);
	if (a->not_ready)
		at = put_ede(at);
	put_u16(start + 9, (uint32_t)(at - start - OPT_BYTES));
	a->len += (size_t)(at - start);
	a->n_additionals++;
}

static void add_question(struct answer *a)
{
	uint8_t *at = a->out + DNS_HEAD;

	a->len = DNS_HEAD;
	if (a->query.name_len == 0)
		return;
	memcpy(at, a->query.asked.at, a->query.name_len);
	put_u16(at + a->query.name_len, a->query.type);
	put_u16(at + a->query.name_len + 2, a->query.class);
	a->len += a->query.name_len + 4u;
}

static void finish_head(struct answer *a)
{
	put_u16(a->out, a->query.id);
	put_u16(a->out + 2,
		(uint32_t)(FLAG_QR | a->query.opcode << 11 | a->flags | (a->rcode & 15)));
	put_u16(a->out + 4, a->query.name_len > 0);
	put_u16(a->out + 6, a->n_answers);
	put_u16(a->out + 8, a->n_authorities);
	put_u16(a->out + 10, a->n_additionals);
}

/* RFC 2181 9: an answer that lacks a record set says so, and a referral that lacks glue: RFC 9471.
 */
static void give_up_for_tcp(struct answer *a)
{
	a->flags |= FLAG_TC;
	a->n_answers = a->n_authorities = a->n_additionals = 0;
	add_question(a);
	metric_add(a->serving->metrics, GTM_METRIC_TRUNCATED, 1);
}

static void count(const struct answer *a)
{
	static const enum gtm_metric by_rcode[] = {
		[RCODE_NOERROR] = GTM_METRIC_NOERROR,   [RCODE_FORMERR] = GTM_METRIC_FORMERR,
		[RCODE_SERVFAIL] = GTM_METRIC_SERVFAIL, [RCODE_NXDOMAIN] = GTM_METRIC_NXDOMAIN,
		[RCODE_NOTIMP] = GTM_METRIC_OTHER,      [RCODE_REFUSED] = GTM_METRIC_REFUSED,
	};

	metric_add(a->serving->metrics,
		   a->rcode < ARRAY_LEN(by_rcode) ? by_rcode[a->rcode] : GTM_METRIC_OTHER, 1);
	if (a->query.has_ecs)
		metric_add(a->serving->metrics, GTM_METRIC_WITH_ECS, 1);
}

static void answer_outcome(struct answer *a, enum query_outcome outcome, const struct addr *from)
{
	switch (outcome) {
	case QUERY_OK:
		answer_question(a, from);
		return;
	case QUERY_FORMERR:
		a->rcode = RCODE_FORMERR;
		return;
	case QUERY_NOTIMP:
		a->rcode = RCODE_NOTIMP;
		return;
	case QUERY_BADVERS:
		a->rcode = RCODE_BADVERS;
		return;
	case QUERY_IGNORE:
		break;
	}
	UNREACHABLE();
}

// NOLINTBEGIN(readability-non-const-parameter): `out` is written, through a.out
size_t answer_make(const struct serving *serving, struct span packet, const struct addr *from,
		   enum answer_transport transport, uint8_t *out, size_t out_len)
// NOLINTEND(readability-non-const-parameter)
{
	struct answer a = { .serving = serving, .out = out };
	int outcome = query_parse(packet, &a.query);

	metric_add(serving->metrics,
		   transport == ANSWER_UDP ? GTM_METRIC_QUERIES_UDP : GTM_METRIC_QUERIES_TCP, 1);
	if (outcome == QUERY_IGNORE) {
		metric_add(serving->metrics, GTM_METRIC_IGNORED, 1);
		return 0;
	}
	size_t limit = transport == ANSWER_UDP ? MIN(out_len, a.query.udp_bytes) : out_len;
	a.room = limit - opt_room(&a.query);
	a.flags = a.query.recursion_desired ? FLAG_RD : 0;
	add_question(&a);
	answer_outcome(&a, (enum query_outcome)outcome, from);
	if (a.truncated)
		give_up_for_tcp(&a);
	add_opt(&a);
	finish_head(&a);
	count(&a);
	return a.len;
}
