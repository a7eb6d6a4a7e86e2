/* SPDX-License-Identifier: Apache-2.0
 *
 * client: hops are read from the right, and no further than the first that is not trusted: what
 * stands left of it, anyone may have written.
 */
#include "edge/exchange/client.h"

#include "core/error.h"
#include "core/obj.h"

enum { ID_BYTES = 32, MAX_ID_BYTES = 128, MAX_HOPS = 64 };

static bool is_trusted(const struct client_conf *conf, const struct addr *addr)
{
	for (size_t i = 0; i < conf->n_trusted; i++) {
		if (prefix_has(&conf->trusted[i], addr))
			return true;
	}
	return false;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". */
static bool hop_parse(struct span text, struct addr *ret_addr)
{
	size_t close = span_find(text, ']');

	if (text.len && text.at[0] == '[' && close < text.len)
		text = span_of(text.at + 1, close - 1);
	else if (span_find(text, '.') < text.len)
		text = span_first(text, span_find(text, ':'));
	return addr_parse_ip(text, ret_addr);
}

/* Cuts off the first pair of an element of Forwarded. A quoted value, which may be a Host of the
 * client's making, may hold anything. */
static bool pair_cut(struct span *element, struct span *ret_pair)
{
	bool quoted = false;
	size_t n = 0;

	if (element->len == 0)
		return false;
	for (; n < element->len && (quoted || element->at[n] != ';'); n++) {
		if (element->at[n] == '"')
			quoted = !quoted;
		else if (quoted && element->at[n] == '\\')
			n++;
	}
	*ret_pair = span_trim(span_first(*element, n));
	*element = span_from(*element, n + 1);
	return true;
}

/* The value of `for=` in an element of Forwarded. */
static struct span forwarded_for(struct span element)
{
	struct span pair;

	while (pair_cut(&element, &pair)) {
		if (pair.len < 4 || !span_ieq(span_first(pair, 4), SPAN_LIT("for=")))
			continue;
		pair = span_from(pair, 4);
		if (pair.len >= 2 && pair.at[0] == '"' && pair.at[pair.len - 1] == '"')
			pair = span_of(pair.at + 1, pair.len - 2);
		return pair;
	}
	return SPAN_NONE;
}

static bool is_escaped(struct span text, size_t at)
{
	size_t from = at;

	while (from && text.at[from - 1] == '\\')
		from--;
	return (at - from) & 1;
}

/* The last element of a list; what stands before it stays in *list. With `quotes` a comma between
 * two of them separates nothing. Read from the right, as the quotes of who wrote last are closed,
 * whatever stands left of them. */
static struct span last_cut(struct span *list, bool quotes)
{
	size_t from = list->len;
	bool quoted = false;

	for (; from && (quoted || list->at[from - 1] != ','); from--) {
		if (quotes && list->at[from - 1] == '"' && !is_escaped(*list, from - 1))
			quoted = !quoted;
	}
	struct span last = span_trim(span_from(*list, from));
	*list = span_first(*list, from ? from - 1 : 0);
	return last;
}

/* Looks through one field's value. True: the client was found, or no further hop counts. */
static bool hops_look(const struct client_conf *conf, enum http_name id, struct span list,
		      struct addr *addr)
{
	for (int i = 0; i < MAX_HOPS && list.len; i++) {
		struct span hop = last_cut(&list, id == HTTP_NAME_FORWARDED);
		struct addr next;
		if (id == HTTP_NAME_FORWARDED)
			hop = forwarded_for(hop);
		if (!hop_parse(hop, &next))
			return true; /* "unknown", or no address: the one before stands */
		*addr = next;
		if (!is_trusted(conf, &next))
			return true;
	}
	return false;
}

static int behind_proxies(const struct client_conf *conf, const struct http_head *request,
			  struct arena *arena, struct client *client)
{
	enum http_name id = conf->from == CLIENT_FROM_FORWARDED ||
					    (conf->from == CLIENT_FROM_ANY &&
					     !http_head_find(request, HTTP_NAME_X_FORWARDED_FOR))
				    ? HTTP_NAME_FORWARDED
				    : HTTP_NAME_X_FORWARDED_FOR;
	struct addr *addr = arena_take(arena, sizeof(*addr));

	if (!addr)
		return err_new(-ENOBUFS);
	*addr = *client->addr;
	for (size_t i = request->n_fields; i-- > 0;) {
		const struct http_field *field = &request->fields[i];
		if (field->id == id && hops_look(conf, id, field->value, addr))
			break;
	}
	client->addr = addr;
	return 0;
}

/* What others wrote goes into logs and headers: letters, digits and a few marks. */
static bool id_is_sound(struct span id)
{
	if (id.len == 0 || id.len > MAX_ID_BYTES)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		uint8_t c = id.at[i];
		bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		if (!letter && !(c >= '0' && c <= '9') &&
		    span_find(SPAN_LIT("-_.:+/=@~"), c) == sizeof("-_.:+/=@~") - 1)
			return false;
	}
	return true;
}

static const struct http_field *id_field(const struct client_conf *conf,
					 const struct http_head *request)
{
	struct span name = span_str(conf->request_id_header);

	for (size_t i = 0; i < request->n_fields; i++) {
		if (span_ieq(request->fields[i].name, name))
			return &request->fields[i];
	}
	return NULL;
}

static int id_find(const struct client_conf *conf, const struct http_head *request, struct rng *rng,
		   struct arena *arena, struct client *client)
{
	static const char digits[] = "0123456789abcdef";
	const struct http_field *field = id_field(conf, request);
	bool accepted = conf->request_id_accept == REQUEST_ID_ALWAYS ||
			(conf->request_id_accept == REQUEST_ID_TRUSTED && client->trusted);
	uint64_t bits = 0;

	if (field && accepted && id_is_sound(field->value)) {
		client->id = field->value;
		return 0;
	}
	uint8_t *text = arena_take_bytes(arena, ID_BYTES);
	if (!text)
		return err_new(-ENOBUFS);
	for (size_t i = 0; i < ID_BYTES; i++, bits >>= 4) {
		if (i % 16 == 0)
			bits = rng_u64(rng);
		text[i] = (uint8_t)digits[bits & 15];
	}
	client->id = span_of(text, ID_BYTES);
	return 0;
}

int client_find(const struct client_conf *conf, const struct http_head *request,
		const struct addr *peer, struct rng *rng, struct arena *arena,
		struct client *ret_client)
{
	struct client *client = ret_client;
	int r = 0;

	*client = (struct client){ .addr = peer, .trusted = is_trusted(conf, peer) };
	if (client->trusted)
		r = behind_proxies(conf, request, arena, client);
	if (r == 0 && conf->request_id)
		r = id_find(conf, request, rng, arena, client);
	return err_pass(r);
}
