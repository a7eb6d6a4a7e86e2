/* SPDX-License-Identifier: Apache-2.0
 *
 * message: one neutral form of a request's or a response's head, whatever version of HTTP it came
 * in or leaves by. Spans point into the arena of the exchange (or fetch), or to static text.
 *
 * The form is normal: names are valid tokens (RFC 9110 5.6.2), values are trimmed and hold no CR,
 * LF or NUL; Host and :authority are one field, `authority`; framing (Content-Length,
 * Transfer-Encoding) has left the fields and become `body`; hop-by-hop fields (RFC 9110 7.6.1:
 * Connection and what it may name, Keep-Alive, Proxy-Connection, TE, Upgrade) were taken out by the
 * parser's side and the little that matters of them stands in members of its own. So nothing odd
 * can pass through. Trailer stays: it tells the last reader what to wait for.
 */
#pragma once

#include "core/arena.h"
#include "core/must.h"
#include "core/span.h"

enum http_method {
	HTTP_METHOD_OTHER, /* see method_text */
	HTTP_METHOD_GET,
	HTTP_METHOD_HEAD,
	HTTP_METHOD_POST,
	HTTP_METHOD_PUT,
	HTTP_METHOD_DELETE,
	HTTP_METHOD_OPTIONS,
	HTTP_METHOD_PATCH,
	HTTP_METHOD_TRACE,
	HTTP_METHOD_CONNECT,
};

enum http_body {
	HTTP_BODY_NONE, /* there is none: GET without one, a length of 0, HEAD's answer, 204, 304 */
	HTTP_BODY_LENGTH,      /* exactly body_length bytes */
	HTTP_BODY_STREAM,      /* chunked, or HTTP/2 DATA without a length: ends when it says so */
	HTTP_BODY_UNTIL_CLOSE, /* a response of HTTP/1.0 that ends with its connection */
	HTTP_BODY_TUNNEL,      /* of a 101: what follows, both ways, is no HTTP any more */
};

/* Names that code asks for have a number; edge/http/names.def lists them. */
enum http_name {
	HTTP_NAME_OTHER,
#define X(ID, text) HTTP_NAME_##ID,
#include "edge/http/names.def"
#undef X
	HTTP_N_NAMES
};

struct http_field {
	struct span name; /* as it came; compared without case */
	struct span value;
	uint16_t id; /* enum http_name */
};

/* A method of more bytes is none that anybody means. */
enum { HTTP_MAX_FIELDS = 100, HTTP_MAX_METHOD = 32 };

struct http_head {
	/* Requests. */
	enum http_method method;
	struct span method_text;
	struct span scheme;    /* "http" or "https": how the client came */
	struct span authority; /* host[:port], as in Host; empty with HTTP/1.0 */
	struct span host;      /* of it, lower case, without port or trailing dot */
	struct span target;    /* path?query exactly as it came; "*" for OPTIONS * */
	struct span path;      /* of it, before the '?', as it came */
	struct span query;     /* after the '?'; empty when there is none */
	bool expects_continue; /* Expect: 100-continue */
	bool takes_trailers;   /* TE: trailers; Connection need not have named TE */
	struct span upgrade;   /* the protocol asked for ("websocket"), if Connection named it, or
				  by RFC 8441's :protocol, then with GET for CONNECT; else empty */

	/* Responses. */
	uint16_t status;
	struct span reason;

	/* Both. */
	uint8_t version_minor; /* of HTTP/1.x as received: 0 or 1; for HTTP/2 1 */
	uint8_t version_major; /* 1 or 2 */
	enum http_body body;
	uint64_t body_length;      /* HTTP_BODY_LENGTH; for an answer to HEAD: what it said, with
				      HTTP_BODY_NONE */
	bool has_length;           /* a Content-Length was there */
	struct arena *arena;       /* borrowed: where the fields grow */
	struct http_field *fields; /* in the arena */
	uint16_t n_fields, max_fields;
};

/* Empty; the fields grow in the arena, up to HTTP_MAX_FIELDS. Errors: -ENOBUFS. */
int http_head_init(struct http_head *head, struct arena *arena);
/* A copy of all that the head says, text included, in another arena. Errors: -ENOBUFS. */
int http_head_copy(const struct http_head *head, struct arena *arena, struct http_head *ret_head);
/* The first field of that name; NULL when there is none. */
const struct http_field *http_head_find(const struct http_head *head, enum http_name id);
/* Appends. -ENOBUFS past the limit or without room. Name and value are borrowed: arena or static.
 */
int http_head_add(struct http_head *head, enum http_name id, struct span value);
int http_head_add_other(struct http_head *head, struct span name, struct span value);
/* The same for who has looked the name up already: it stays as it came. */
static inline int http_head_add_found(struct http_head *head, struct http_field field);
/* Removes all of that name. */
void http_head_remove(struct http_head *head, enum http_name id);
void http_head_remove_other(struct http_head *head, struct span name); /* without case */
/* Removes all of that name, appends one. */
int http_head_set(struct http_head *head, enum http_name id, struct span value);

enum http_name http_name_lookup(struct span name);     /* without case */
struct span http_name_text(enum http_name id);         /* "X-Forwarded-For" */
enum http_method http_method_lookup(struct span text); /* with case */
struct span http_method_text(enum http_method method); /* empty for HTTP_METHOD_OTHER */
struct span http_status_reason(unsigned status);       /* "Not Found"; empty for the unknown */
bool http_method_is_safe(enum http_method method);
bool http_method_is_idempotent(enum http_method method);
bool http_status_has_body(unsigned status); /* not 1xx, 204, 304 */

/* http_head_add_found() when the room for fields is used up. */
int http_head_add_slowly(struct http_head *head, struct http_field field);

static inline int http_head_add_found(struct http_head *head, struct http_field field)
{
	/* Whoever adds a field vouches for it: nobody looks again before it is written. */
	MUST_SLOW(span_find(field.value, '\r') == field.value.len &&
		  span_find(field.value, '\n') == field.value.len);
	if (head->n_fields == head->max_fields)
		return http_head_add_slowly(head, field);
	head->fields[head->n_fields++] = field;
	return 0;
}
