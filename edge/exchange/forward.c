/* SPDX-License-Identifier: Apache-2.0
 *
 * forward: one pass copies the client's fields and leaves out what we say ourselves; then ours are
 * added. The client's head stays as it is, for the access log wants it as it came; the response's
 * fields are changed in place.
 *
 * What a client says of itself and of others before it counts only when it is trusted.
 */
#include "edge/exchange/forward.h"

#include <ctype.h>

#include "core/error.h"
#include "core/obj.h"

enum { ROOM_FIELDS = 14, MAX_HOPS = 1000000 };

/* A head under way. */
struct draft {
	const struct forward_conf *conf;
	const struct http_head *request;
	const struct client *client;
	struct conn *conn;
	struct arena *arena;
	struct http_head *head;
	struct span peer;                     /* the address of who speaks to us, as text */
	struct span forwarded_for, forwarded; /* what trusted ones have said, as one list */
	struct span id_name;                  /* of the field of our number; empty: none */
	bool has_proto, has_host, has_port;   /* a trusted one has said so */
	bool failed;                          /* the arena is full */
};

/* All of it in the arena, one after the other; .at NULL when that is full. */
static struct span joined(struct arena *arena, const struct span *parts, size_t n_parts)
{
	size_t len = 0;

	for (size_t i = 0; i < n_parts; i++)
		len += parts[i].len;
	uint8_t *out = arena_take_bytes(arena, len);
	if (!out)
		return SPAN_NONE;
	for (size_t i = 0, at = 0; i < n_parts; at += parts[i++].len) {
		if (parts[i].len)
			memcpy(out + at, parts[i].at, parts[i].len);
	}
	return span_of(out, len);
}

static void add(struct draft *draft, enum http_name id, struct span value)
{
	draft->failed |= !value.at || http_head_add(draft->head, id, value) < 0;
}

static void add_other(struct draft *draft, struct span name, struct span value)
{
	draft->failed |= !value.at || http_head_add_other(draft->head, name, value) < 0;
}

/* "a" and "b" become "a, b". */
static void list_add(struct draft *draft, struct span *list, struct span value)
{
	const struct span parts[] = { *list, SPAN_LIT(", "), value };

	if (value.len == 0)
		return;
	*list = list->len ? joined(draft->arena, parts, ARRAY_LEN(parts)) : value;
	draft->failed |= !list->at;
}

/* ---- what comes from the client ----------------------------------------------------------------
 */

/* CGI and its kin take '_' for '-'. */
static uint8_t folded(uint8_t byte)
{
	return byte == '_' ? '-' : (uint8_t)tolower(byte);
}

/* Whether somebody behind us may read `name` as this one. */
static bool reads_as(struct span name, struct span known)
{
	if (name.len != known.len)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		if (folded(name.at[i]) != folded(known.at[i]))
			return false;
	}
	return true;
}

static bool is_about_certificate(struct span name)
{
	static const struct span names[] = {
		{ (const uint8_t *)"x-ssl-client-verify", 19 },
		{ (const uint8_t *)"x-ssl-client-subject", 20 },
		{ (const uint8_t *)"x-ssl-client-fingerprint", 24 },
		{ (const uint8_t *)"client-cert", 11 },
		{ (const uint8_t *)"client-cert-chain", 17 },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (reads_as(name, names[i]))
			return true;
	}
	return false;
}

/* Of fields without a number: those of a proxy that is not trusted, and those that are written with
 * an underscore to pass for one of ours, which a trusted proxy lets through, too. */
static bool is_claim(const struct draft *draft, struct span name)
{
	const struct span forwarded = SPAN_LIT("x-forwarded-");
	uint8_t first = name.len ? name.at[0] | 0x20 : 0;

	if (first != 'x' && first != 'c')
		return false;
	if (reads_as(span_first(name, forwarded.len), forwarded))
		return !draft->client->trusted || span_find(name, '_') < name.len;
	return reads_as(name, SPAN_LIT("x-real-ip")) ||
	       (draft->conf->client_certificate && is_about_certificate(name));
}

/* What says how the client came: believed of a trusted one, worth nothing of others. */
static bool kept(const struct draft *draft, bool *ret_has)
{
	*ret_has = draft->client->trusted;
	return draft->client->trusted;
}

/* Whether the field goes on as it is. */
static bool passes(struct draft *draft, const struct http_field *field)
{
	const struct forward_conf *conf = draft->conf;
	bool trusted = draft->client->trusted;

	if (reads_as(field->name, draft->id_name))
		return false;
	switch ((unsigned)field->id) {
	case HTTP_NAME_X_FORWARDED_FOR:
		if (conf->x_forwarded_for == FORWARD_FOR_APPEND && trusted)
			list_add(draft, &draft->forwarded_for, field->value);
		return conf->x_forwarded_for == FORWARD_FOR_OFF && trusted;
	case HTTP_NAME_FORWARDED:
		if (conf->forwarded && trusted)
			list_add(draft, &draft->forwarded, field->value);
		return !conf->forwarded && trusted;
	case HTTP_NAME_X_FORWARDED_PROTO:
		return kept(draft, &draft->has_proto);
	case HTTP_NAME_X_FORWARDED_HOST:
		return kept(draft, &draft->has_host);
	case HTTP_NAME_X_FORWARDED_PORT:
		return kept(draft, &draft->has_port);
	case HTTP_NAME_X_REAL_IP:
		return !conf->x_real_ip && trusted;
	case HTTP_NAME_OTHER:
		return !is_claim(draft, field->name);
	default:
		return true;
	}
}

static int fields_copy(struct draft *draft)
{
	const struct http_head *from = draft->request;
	struct http_head *head = draft->head;
	size_t n_max = (size_t)from->n_fields + ROOM_FIELDS;
	struct http_field *fields = arena_take(draft->arena, n_max * sizeof(*fields));
	uint16_t n = 0;

	if (!fields)
		return err_new(-ENOBUFS);
	for (size_t i = 0; i < from->n_fields; i++) {
		if (passes(draft, &from->fields[i]))
			fields[n++] = from->fields[i];
	}
	*head = *from;
	head->fields = fields;
	head->n_fields = n;
	head->max_fields = (uint16_t)n_max;
	head->expects_continue = false; /* we answered that ourselves */
	head->upgrade = SPAN_NONE;
	return 0;
}

/* ---- what we add -------------------------------------------------------------------------------
 */

static struct span ip_span(const struct addr *addr, struct arena *arena)
{
	char text[IP_TEXT_MAX];

	return arena_copy(arena, span_str(addr_ip_text(addr, text)));
}

/* RFC 7239 6: IPv6 in brackets, and so in quotes. */
static struct span node_span(struct draft *draft, struct span ip)
{
	const struct span parts[] = { SPAN_LIT("\"["), ip, SPAN_LIT("]\"") };

	return span_find(ip, ':') < ip.len ? joined(draft->arena, parts, ARRAY_LEN(parts)) : ip;
}

static void add_forwarded(struct draft *draft)
{
	const struct http_head *request = draft->request;
	struct span by = node_span(draft, ip_span(conn_local(draft->conn), draft->arena));
	const struct span parts[] = {
		SPAN_LIT("for="),     node_span(draft, draft->peer),
		SPAN_LIT(";by="),     by,
		SPAN_LIT(";proto="),  request->scheme,
		SPAN_LIT(";host=\""), request->authority,
		SPAN_LIT("\""),
	};

	list_add(draft, &draft->forwarded,
		 joined(draft->arena, parts, request->authority.len ? 9 : 6));
	add(draft, HTTP_NAME_FORWARDED, draft->forwarded);
}

static void add_port(struct draft *draft)
{
	unsigned port = addr_port(conn_local(draft->conn));

	add(draft, HTTP_NAME_X_FORWARDED_PORT, span_str(arena_printf(draft->arena, "%u", port)));
}

static void add_certificate(struct draft *draft)
{
	struct tls_peer peer;

	if (!conn_is_tls(draft->conn))
		return;
	bool shown = conn_peer(draft->conn, draft->arena, &peer);
	add_other(draft, SPAN_LIT("X-SSL-Client-Verify"),
		  shown ? SPAN_LIT("SUCCESS") : SPAN_LIT("NONE"));
	if (!shown)
		return;
	const struct span parts[] = { SPAN_LIT(":"), peer.der_base64, SPAN_LIT(":") };
	add_other(draft, SPAN_LIT("X-SSL-Client-Subject"), peer.subject);
	add_other(draft, SPAN_LIT("X-SSL-Client-Fingerprint"), peer.fingerprint);
	add_other(draft, SPAN_LIT("Client-Cert"), joined(draft->arena, parts, ARRAY_LEN(parts)));
}

/* Who asked, from where, and how. */
static void add_client(struct draft *draft)
{
	const struct forward_conf *conf = draft->conf;
	const struct http_head *request = draft->request;

	if (conf->x_forwarded_for != FORWARD_FOR_OFF) {
		list_add(draft, &draft->forwarded_for, draft->peer);
		add(draft, HTTP_NAME_X_FORWARDED_FOR, draft->forwarded_for);
	}
	if (conf->x_real_ip)
		add(draft, HTTP_NAME_X_REAL_IP, ip_span(draft->client->addr, draft->arena));
	if (conf->x_forwarded_proto && !draft->has_proto)
		add(draft, HTTP_NAME_X_FORWARDED_PROTO, request->scheme);
	if (conf->x_forwarded_host && !draft->has_host && request->authority.len)
		add(draft, HTTP_NAME_X_FORWARDED_HOST, request->authority);
	if (conf->x_forwarded_port && !draft->has_port)
		add_port(draft);
	if (conf->forwarded)
		add_forwarded(draft);
	if (conf->client_certificate)
		add_certificate(draft);
	if (draft->client->id.len)
		add_other(draft, draft->id_name, draft->client->id);
}

/* Via is a list in the order of the hops: ours goes behind what is there (RFC 9110 7.6.3). The
 * version is that of the message as it came to us. */
static int via_add(const struct forward_conf *conf, struct http_head *head, struct arena *arena)
{
	struct span version = head->version_major == 2 ? SPAN_LIT("2.0 ")
			      : head->version_minor    ? SPAN_LIT("1.1 ")
						       : SPAN_LIT("1.0 ");
	const struct span parts[] = { version, span_str(conf->via) };

	if (!conf->via[0])
		return 0;
	struct span value = joined(arena, parts, ARRAY_LEN(parts));
	if (!value.at)
		return err_new(-ENOBUFS);
	return err_pass(http_head_add(head, HTTP_NAME_VIA, value));
}

/* ---- Max-Forwards ------------------------------------------------------------------------------
 */

static bool counts_hops(const struct http_head *request)
{
	return request->method == HTTP_METHOD_OPTIONS || request->method == HTTP_METHOD_TRACE;
}

/* More than none are left: that was looked at. */
static int hops_count_down(struct http_head *head, struct arena *arena)
{
	const struct http_field *field =
		counts_hops(head) ? http_head_find(head, HTTP_NAME_MAX_FORWARDS) : NULL;
	uint64_t hops;

	if (!field || !span_to_u64(field->value, MAX_HOPS, &hops) || hops == 0)
		return 0;
	struct span value = span_str(arena_printf(arena, "%u", (unsigned)hops - 1));
	return value.at ? err_pass(http_head_set(head, HTTP_NAME_MAX_FORWARDS, value))
			: err_new(-ENOBUFS);
}

int forward_hops(const struct http_head *request)
{
	const struct http_field *field =
		counts_hops(request) ? http_head_find(request, HTTP_NAME_MAX_FORWARDS) : NULL;
	uint64_t hops;

	if (!field)
		return FORWARD_HOPS_LEFT;
	if (!span_to_u64(field->value, MAX_HOPS, &hops))
		return FORWARD_HOPS_WRONG;
	return hops ? FORWARD_HOPS_LEFT : FORWARD_HOPS_NONE;
}

/* ---- the door ----------------------------------------------------------------------------------
 */

int forward_request(const struct forward_conf *conf, const struct http_head *request,
		    const struct client *client, struct conn *conn, struct arena *arena,
		    struct http_head *ret_head)
{
	struct draft draft = { .conf = conf,
			       .request = request,
			       .client = client,
			       .conn = conn,
			       .arena = arena,
			       .head = ret_head };
	if (conf->client.request_id)
		draft.id_name = span_str(conf->client.request_id_header);
	int r = fields_copy(&draft);
	if (r < 0)
		return err_pass(r);
	if (conf->x_forwarded_for != FORWARD_FOR_OFF || conf->forwarded)
		draft.peer = ip_span(conn_from(conn), arena);
	add_client(&draft);
	if (draft.failed)
		return err_new(-ENOBUFS);
	r = via_add(conf, ret_head, arena);
	if (r == 0)
		r = hops_count_down(ret_head, arena);
	return err_pass(r);
}

int forward_response(const struct forward_conf *conf, struct http_head *response,
		     struct arena *arena)
{
	return err_pass(via_add(conf, response, arena));
}
