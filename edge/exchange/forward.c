/* SPDX-License-Identifier: Apache-2.0
 *
 * forward: the request's fields are copied, for the access log still wants them as they came; the
 * response's are changed in place.
 */
#include "edge/exchange/forward.h"

#include "core/error.h"
#include "core/obj.h"

enum { ROOM_FIELDS = 8, MAX_HOPS = 1000000 };

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

static int set(struct http_head *head, enum http_name id, struct span value)
{
	return value.at ? err_pass(http_head_set(head, id, value)) : err_new(-ENOBUFS);
}

/* "203.0.113.7, 10.0.0.1": all that came in such fields, then who speaks to us. */
static int forwarded_for_add(struct http_head *head, struct span ip, bool append,
			     struct arena *arena)
{
	struct span value = arena_copy(arena, ip);

	for (size_t i = head->n_fields; append && value.at && i-- > 0;) {
		const struct http_field *field = &head->fields[i];
		if (field->id != HTTP_NAME_X_FORWARDED_FOR || field->value.len == 0)
			continue;
		const struct span parts[] = { field->value, SPAN_LIT(", "), value };
		value = joined(arena, parts, ARRAY_LEN(parts));
	}
	return err_pass(set(head, HTTP_NAME_X_FORWARDED_FOR, value));
}

static int client_add(const struct forward_conf *conf, struct http_head *head,
		      const struct addr *client, struct arena *arena)
{
	char text[IP_TEXT_MAX];
	int r = 0;

	if (conf->x_forwarded_for == FORWARD_FOR_OFF && !conf->x_real_ip)
		return 0;
	struct span ip = span_str(addr_ip_text(client, text));
	if (conf->x_forwarded_for != FORWARD_FOR_OFF)
		r = forwarded_for_add(head, ip, conf->x_forwarded_for == FORWARD_FOR_APPEND, arena);
	if (r == 0 && conf->x_real_ip)
		r = set(head, HTTP_NAME_X_REAL_IP, arena_copy(arena, ip));
	return err_pass(r);
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

/* More than none are left: that was looked at. */
static int hops_count_down(struct http_head *head, struct arena *arena)
{
	const struct http_field *field = http_head_find(head, HTTP_NAME_MAX_FORWARDS);
	uint64_t hops;

	if (!field || (head->method != HTTP_METHOD_OPTIONS && head->method != HTTP_METHOD_TRACE))
		return 0;
	if (!span_to_u64(field->value, MAX_HOPS, &hops) || hops == 0)
		return 0;
	return err_pass(set(head, HTTP_NAME_MAX_FORWARDS,
			    span_str(arena_printf(arena, "%u", (unsigned)hops - 1))));
}

int forward_hops(const struct http_head *request)
{
	const struct http_field *field;
	uint64_t hops;

	if (request->method != HTTP_METHOD_OPTIONS && request->method != HTTP_METHOD_TRACE)
		return FORWARD_HOPS_LEFT;
	field = http_head_find(request, HTTP_NAME_MAX_FORWARDS);
	if (!field)
		return FORWARD_HOPS_LEFT;
	if (!span_to_u64(field->value, MAX_HOPS, &hops))
		return FORWARD_HOPS_WRONG;
	return hops ? FORWARD_HOPS_LEFT : FORWARD_HOPS_NONE;
}

static int head_copy(const struct http_head *from, struct arena *arena, struct http_head *ret_head)
{
	size_t n_max = (size_t)from->n_fields + ROOM_FIELDS;
	struct http_field *fields = arena_take(arena, n_max * sizeof(*fields));

	if (!fields)
		return err_new(-ENOBUFS);
	memcpy(fields, from->fields, from->n_fields * sizeof(*fields));
	*ret_head = *from;
	ret_head->fields = fields;
	ret_head->max_fields = (uint16_t)n_max;
	ret_head->expects_continue = false; /* we answered that ourselves */
	ret_head->upgrade = SPAN_NONE;
	return 0;
}

int forward_request(const struct forward_conf *conf, const struct http_head *request,
		    const struct addr *client, struct arena *arena, struct http_head *ret_head)
{
	int r = head_copy(request, arena, ret_head);

	if (r == 0)
		r = client_add(conf, ret_head, client, arena);
	if (r == 0 && conf->x_forwarded_proto)
		r = http_head_set(ret_head, HTTP_NAME_X_FORWARDED_PROTO, request->scheme);
	if (r == 0 && conf->x_forwarded_host && request->authority.len)
		r = http_head_set(ret_head, HTTP_NAME_X_FORWARDED_HOST, request->authority);
	if (r == 0)
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
