/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_decode: each field is looked at once, as it comes out of the coder. After the first fault of a
 * block its fields are passed over, but the coder goes on, for its table is the connection's.
 */
#include "edge/http2/h2_decode.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/http/field_rules.h"

enum {
	FIELD_OVERHEAD_BYTES = 32, /* RFC 7541 4.1 */
	/* So many times the limit are decoded and dropped, to answer 431 and keep the connection.
	 */
	BOMB_FACTOR = 8,
	MAX_COOKIES = 100,
};

enum pseudo {
	PSEUDO_METHOD = 1,
	PSEUDO_SCHEME = 2,
	PSEUDO_AUTHORITY = 4,
	PSEUDO_PATH = 8,
	PSEUDO_PROTOCOL = 16,
	PSEUDO_STATUS = 32,
};

int h2_decoder_init(struct h2_decoder *decoder, const struct h2_decode_limits *limits)
{
	*decoder = (struct h2_decoder){ .limits = *limits };
	return nghttp2_hd_inflate_new(&decoder->inflater) == 0 ? 0 : err_new(-ENOMEM);
}

void h2_decoder_fini(struct h2_decoder *decoder)
{
	if (decoder->inflater)
		nghttp2_hd_inflate_del(decoder->inflater);
	decoder->inflater = NULL;
}

void h2_decode_begin(struct h2_decoder *decoder, enum h2_block kind, struct http_head *head,
		     struct span scheme)
{
	decoder->kind = kind;
	decoder->head = head;
	decoder->outcome = H2_DECODED;
	decoder->bytes = 0;
	decoder->seen = 0;
	decoder->fields_begun = false;
	decoder->n_cookies = 0;
	decoder->scheme = scheme;
	decoder->host = SPAN_NONE;
	decoder->protocol = SPAN_NONE;
	if (!head)
		return;
	head->version_major = 2;
	head->version_minor = 0;
}

static void fault(struct h2_decoder *decoder, enum h2_decoded outcome)
{
	if (decoder->outcome == H2_DECODED)
		decoder->outcome = outcome;
}

static struct span keep(struct h2_decoder *decoder, struct span bytes)
{
	struct span kept = arena_copy(decoder->head->arena, bytes);

	if (!kept.at)
		fault(decoder, H2_DECODED_LARGE);
	return kept;
}

/* ---- pseudo-header fields (RFC 9113 8.3) -------------------------------------------------------
 */

static enum pseudo pseudo_of(struct span name)
{
	static const struct {
		const char *name;
		enum pseudo bit;
	} known[] = {
		{ ":method", PSEUDO_METHOD },     { ":path", PSEUDO_PATH },
		{ ":scheme", PSEUDO_SCHEME },     { ":authority", PSEUDO_AUTHORITY },
		{ ":protocol", PSEUDO_PROTOCOL }, { ":status", PSEUDO_STATUS },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (span_eq(name, span_str(known[i].name)))
			return known[i].bit;
	}
	return 0;
}

static bool scheme_is_known(struct span value)
{
	return span_ieq(value, SPAN_LIT("https")) || span_ieq(value, SPAN_LIT("http"));
}

static bool status_read(struct span value, struct http_head *head)
{
	uint64_t status;

	if (value.len != 3 || !span_to_u64(value, 999, &status) || status < 100)
		return false;
	head->status = (uint16_t)status;
	head->reason = http_status_reason((unsigned)status);
	return true;
}

/* False: malformed. */
static bool pseudo_value(struct h2_decoder *decoder, enum pseudo bit, struct span value)
{
	struct http_head *head = decoder->head;

	switch (bit) {
	case PSEUDO_METHOD:
		head->method = http_method_lookup(value);
		head->method_text =
			head->method ? http_method_text(head->method) : keep(decoder, value);
		return value.len <= HTTP_MAX_METHOD && http_token_is_valid(value);
	case PSEUDO_SCHEME:
		return scheme_is_known(value);
	case PSEUDO_AUTHORITY:
		head->authority = keep(decoder, value);
		return value.len != 0;
	case PSEUDO_PATH:
		head->target = keep(decoder, value);
		return http2_path_is_valid(value);
	case PSEUDO_PROTOCOL:
		decoder->protocol = keep(decoder, value);
		return http_token_is_valid(value);
	case PSEUDO_STATUS:
		return status_read(value, head);
	}
	UNREACHABLE();
}

static void pseudo_take(struct h2_decoder *decoder, struct span name, struct span value)
{
	enum pseudo bit = pseudo_of(name);
	unsigned allowed = decoder->kind == H2_BLOCK_REQUEST    ? PSEUDO_STATUS - 1u
			   : decoder->kind == H2_BLOCK_RESPONSE ? PSEUDO_STATUS
								: 0u;

	if (!(bit & allowed) || (decoder->seen & bit) || decoder->fields_begun ||
	    !pseudo_value(decoder, bit, value))
		fault(decoder, H2_DECODED_MALFORMED);
	decoder->seen |= bit;
}

/* ---- fields ------------------------------------------------------------------------------------
 */

static void length_take(struct h2_decoder *decoder, struct span value)
{
	struct http_head *head = decoder->head;

	if (head->has_length || !span_to_u64(value, INT64_MAX, &head->body_length))
		fault(decoder, H2_DECODED_MALFORMED);
	head->has_length = true;
}

static void host_take(struct h2_decoder *decoder, struct span value)
{
	if (decoder->host.at)
		fault(decoder, H2_DECODED_MALFORMED);
	else
		decoder->host = keep(decoder, value);
}

static void expect_take(struct h2_decoder *decoder, struct span value)
{
	if (span_ieq(value, SPAN_LIT("100-continue")))
		decoder->head->expects_continue = true;
	else
		fault(decoder, H2_DECODED_EXPECTATION);
}

/* Those that the neutral form has a place of their own for. False: an ordinary field. */
static bool special_take(struct h2_decoder *decoder, enum http_name id, struct span value)
{
	bool request = decoder->kind == H2_BLOCK_REQUEST;

	switch ((unsigned)id) {
	case HTTP_NAME_CONTENT_LENGTH:
		length_take(decoder, value);
		return true;
	case HTTP_NAME_HOST:
		if (request)
			host_take(decoder, value);
		return request;
	case HTTP_NAME_TE: /* checked to be "trailers" */
		decoder->head->takes_trailers = true;
		return true;
	case HTTP_NAME_EXPECT:
		if (request)
			expect_take(decoder, value);
		return request;
	case HTTP_NAME_COOKIE:
		if (decoder->n_cookies < MAX_COOKIES)
			decoder->n_cookies++;
		return false;
	default:
		return false;
	}
}

static void field_add(struct h2_decoder *decoder, enum http_name id, struct span name,
		      struct span value)
{
	struct http_head *head = decoder->head;
	struct span kept_value = keep(decoder, value);
	int r = 0;

	if (!kept_value.at || head->n_fields >= decoder->limits.max_fields) {
		fault(decoder, H2_DECODED_LARGE);
		return;
	}
	if (id) {
		r = http_head_add(head, id, kept_value);
	} else {
		struct span kept_name = keep(decoder, name);
		if (kept_name.at)
			r = http_head_add_other(head, kept_name, kept_value);
	}
	if (r < 0)
		fault(decoder, H2_DECODED_LARGE);
}

static void field_take(struct h2_decoder *decoder, struct span name, struct span value)
{
	enum http_name id;

	decoder->fields_begun = true;
	if (!http2_name_is_valid(name) || !http_value_is_valid(value)) {
		fault(decoder, H2_DECODED_MALFORMED);
		return;
	}
	id = http_name_lookup(name);
	if (http2_field_is_connection_specific(id, name, value)) {
		fault(decoder, H2_DECODED_MALFORMED);
		return;
	}
	if (decoder->kind == H2_BLOCK_TRAILERS) {
		if (!http_field_is_barred_from_trailers(id, name))
			field_add(decoder, id, name, value);
	} else if (!special_take(decoder, id, value)) {
		field_add(decoder, id, name, value);
	}
}

static int emitted(struct h2_decoder *decoder, const nghttp2_nv *nv)
{
	struct span name = span_of(nv->name, nv->namelen);
	struct span value = span_of(nv->value, nv->valuelen);

	decoder->bytes += name.len + value.len + FIELD_OVERHEAD_BYTES;
	if (decoder->bytes > decoder->limits.max_bytes * BOMB_FACTOR)
		return H2_DECODED_BOMB;
	if (!decoder->head)
		return H2_DECODED;
	if (decoder->bytes > decoder->limits.max_bytes)
		fault(decoder, H2_DECODED_LARGE);
	if (decoder->outcome != H2_DECODED)
		return H2_DECODED;
	if (name.len && name.at[0] == ':')
		pseudo_take(decoder, name, value);
	else
		field_take(decoder, name, value);
	return H2_DECODED;
}

int h2_decode_feed(struct h2_decoder *decoder, struct span piece, bool last)
{
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t n = nghttp2_hd_inflate_hd2(decoder->inflater, &nv, &flags, piece.at,
						   piece.len, last);
		if (n < 0)
			return n == NGHTTP2_ERR_NOMEM ? err_new(-ENOMEM) : H2_DECODED_CODING;
		piece = span_from(piece, (size_t)n);
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			int r = emitted(decoder, &nv);
			if (r != H2_DECODED)
				return r;
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL) {
			nghttp2_hd_inflate_end_headers(decoder->inflater);
			return H2_DECODED;
		}
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && piece.len == 0)
			return H2_DECODED;
	}
}

/* ---- the whole head ----------------------------------------------------------------------------
 */

/* RFC 9113 8.2.3: the crumbs become one field again. Empty ones say nothing. */
static int cookies_join(struct http_head *head)
{
	size_t len = 0, room = 0;

	for (size_t i = 0; i < head->n_fields; i++)
		room += head->fields[i].id == HTTP_NAME_COOKIE ? head->fields[i].value.len + 2 : 0;
	uint8_t *at = arena_take_bytes(head->arena, room);
	if (!at)
		return err_new(-ENOBUFS);
	for (size_t i = 0; i < head->n_fields; i++) {
		struct span crumb = head->fields[i].value;
		if (head->fields[i].id != HTTP_NAME_COOKIE || crumb.len == 0)
			continue;
		if (len) {
			at[len++] = ';';
			at[len++] = ' ';
		}
		memcpy(at + len, crumb.at, crumb.len);
		len += crumb.len;
	}
	return err_pass(http_head_set(head, HTTP_NAME_COOKIE, span_of(at, len)));
}

static int authority_end(struct h2_decoder *decoder)
{
	struct http_head *head = decoder->head;

	if (!(decoder->seen & PSEUDO_AUTHORITY))
		head->authority = decoder->host;
	else if (decoder->host.at && !span_ieq(decoder->host, head->authority))
		return H2_DECODED_MALFORMED;
	if (!http_authority_parse(head->authority, head->arena, &head->host))
		return H2_DECODED_MALFORMED;
	return H2_DECODED;
}

/* RFC 9113 8.5, RFC 8441 4. */
static int connect_end(struct h2_decoder *decoder)
{
	struct http_head *head = decoder->head;
	unsigned path_and_scheme = decoder->seen & (PSEUDO_PATH | PSEUDO_SCHEME);

	if (!(decoder->seen & PSEUDO_AUTHORITY))
		return H2_DECODED_MALFORMED;
	if (!(decoder->seen & PSEUDO_PROTOCOL)) {
		head->target = head->authority;
		return path_and_scheme ? H2_DECODED_MALFORMED : H2_DECODED;
	}
	head->upgrade = decoder->protocol;
	head->method = HTTP_METHOD_GET;
	head->method_text = http_method_text(HTTP_METHOD_GET);
	return path_and_scheme == (PSEUDO_PATH | PSEUDO_SCHEME) ? H2_DECODED : H2_DECODED_MALFORMED;
}

static int target_end(struct h2_decoder *decoder)
{
	struct http_head *head = decoder->head;
	const unsigned needed = PSEUDO_METHOD | PSEUDO_PATH | PSEUDO_SCHEME;
	bool asterisk = span_eq(head->target, SPAN_LIT("*"));

	if (head->method == HTTP_METHOD_CONNECT) {
		int r = connect_end(decoder);
		if (r != H2_DECODED || !head->upgrade.len)
			return r;
	} else if ((decoder->seen & needed) != needed || (decoder->seen & PSEUDO_PROTOCOL)) {
		return H2_DECODED_MALFORMED;
	}
	if (asterisk && head->method != HTTP_METHOD_OPTIONS)
		return H2_DECODED_MALFORMED;
	size_t question = span_find(head->target, '?');
	head->path = span_first(head->target, question);
	head->query = span_from(head->target, question + 1);
	return H2_DECODED;
}

static void body_end(struct h2_decoder *decoder, bool end)
{
	struct http_head *head = decoder->head;

	if (end || head->upgrade.len)
		head->body = HTTP_BODY_NONE;
	else
		head->body = head->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_STREAM;
}

static int request_end(struct h2_decoder *decoder, bool end)
{
	struct http_head *head = decoder->head;
	int r = target_end(decoder);

	head->scheme = decoder->scheme;
	if (r == H2_DECODED)
		r = authority_end(decoder);
	if (r == H2_DECODED && end && head->has_length && head->body_length)
		r = H2_DECODED_MALFORMED;
	if (r == H2_DECODED && head->upgrade.len && (end || head->has_length))
		r = H2_DECODED_MALFORMED;
	body_end(decoder, end);
	return r;
}

int h2_decode_end(struct h2_decoder *decoder, bool end)
{
	int r = (int)decoder->outcome;

	if (r != H2_DECODED || !decoder->head)
		return r;
	if (decoder->n_cookies > 1) {
		r = cookies_join(decoder->head);
		if (r < 0)
			return err_pass(r);
	}
	switch (decoder->kind) {
	case H2_BLOCK_REQUEST:
		return request_end(decoder, end);
	case H2_BLOCK_RESPONSE:
		body_end(decoder, end);
		return decoder->seen & PSEUDO_STATUS ? H2_DECODED : H2_DECODED_MALFORMED;
	case H2_BLOCK_TRAILERS:
	case H2_BLOCK_DISCARD:
		return H2_DECODED;
	}
	UNREACHABLE();
}
