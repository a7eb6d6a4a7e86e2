/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_peer: fed byte by byte, so that the end of the head is known to the byte; what it says of the
 * body that follows is not listened to.
 */
#include "tests/fuzz/h1_peer.h"

#include <http_parser.h>

#include "core/must.h"

struct reading {
	struct peer *peer;
	bool complete, to_head, in_value;
};

static struct span *current(struct reading *reading)
{
	struct peer_field *field = &reading->peer->fields[reading->peer->n_fields - 1];

	return reading->in_value ? &field->value : &field->name;
}

/* Text comes in pieces of one byte. */
static void append(struct peer *peer, struct span *text, const char *at, size_t len)
{
	MUST(len <= PEER_MAX_BYTES - peer->n_bytes);
	if (len == 0)
		return;
	memcpy(peer->bytes + peer->n_bytes, at, len);
	if (text->len == 0)
		text->at = peer->bytes + peer->n_bytes;
	text->len += len;
	peer->n_bytes += len;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
	struct reading *reading = parser->data;

	append(reading->peer, &reading->peer->target, at, len);
	return 0;
}

static int on_field(http_parser *parser, const char *at, size_t len)
{
	struct reading *reading = parser->data;
	struct peer *peer = reading->peer;

	if (peer->n_fields == 0 || reading->in_value) {
		if (peer->n_fields == PEER_MAX_FIELDS)
			return 1;
		peer->fields[peer->n_fields++] = (struct peer_field){ 0 };
	}
	reading->in_value = false;
	append(peer, current(reading), at, len);
	return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
	struct reading *reading = parser->data;

	reading->in_value = true;
	append(reading->peer, current(reading), at, len);
	return 0;
}

static int on_complete(http_parser *parser)
{
	struct reading *reading = parser->data;

	reading->complete = true;
	return reading->to_head;
}

/* As its function http_message_needs_eof() decides, which its header does not declare. */
static bool has_no_body_by_status(const http_parser *parser)
{
	return parser->status_code / 100 == 1 || parser->status_code == 204 ||
	       parser->status_code == 304;
}

/* As its state s_headers_done decides. */
static enum peer_body body_of(const http_parser *parser, bool response)
{
	bool has_length = parser->content_length != UINT64_MAX;

	if (parser->flags & F_SKIPBODY)
		return PEER_NO_BODY;
	if (parser->flags & F_CHUNKED)
		return PEER_CHUNKED;
	if (parser->uses_transfer_encoding)
		return PEER_UNTIL_CLOSE;
	if (has_length)
		return parser->content_length ? PEER_LENGTH : PEER_NO_BODY;
	return response && !has_no_body_by_status(parser) ? PEER_UNTIL_CLOSE : PEER_NO_BODY;
}

static void result_take(struct peer *peer, const http_parser *parser, bool response)
{
	peer->status = parser->status_code;
	peer->version_major = parser->http_major;
	peer->version_minor = parser->http_minor;
	peer->keep_alive = http_should_keep_alive(parser);
	peer->body = body_of(parser, response);
	peer->length = parser->content_length == UINT64_MAX ? 0 : parser->content_length;
}

void peer_read(struct peer *peer, struct span input, bool response, bool to_head)
{
	const http_parser_settings settings = {
		.on_url = on_url,
		.on_header_field = on_field,
		.on_header_value = on_value,
		.on_headers_complete = on_complete,
	};
	struct reading reading = { .peer = peer, .to_head = to_head };
	http_parser parser;

	MUST(input.len <= PEER_MAX_BYTES);
	*peer = (struct peer){ .verdict = PEER_WANTS_MORE };
	http_parser_init(&parser, response ? HTTP_RESPONSE : HTTP_REQUEST);
	parser.data = &reading;
	for (size_t i = 0; i < input.len && peer->verdict == PEER_WANTS_MORE; i++) {
		http_parser_execute(&parser, &settings, (const char *)input.at + i, 1);
		peer->len = i + 1;
		if (HTTP_PARSER_ERRNO(&parser) != HPE_OK) {
			peer->verdict = PEER_REFUSES;
			peer->error = http_errno_name(HTTP_PARSER_ERRNO(&parser));
		} else if (reading.complete) {
			peer->verdict = PEER_ACCEPTS;
			result_take(peer, &parser, response);
		}
	}
}
