/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_body: a small machine a byte for the lines of the chunked coding, whole pieces for data.
 *
 *     chunk   = size [ ";" extension ] CRLF data CRLF
 *     last    = "0" [ ";" extension ] CRLF *( trailer CRLF ) CRLF
 *
 * A line ends with CRLF, never with LF alone. Spaces around a size, which RFC 9112 7.1.1 calls bad,
 * are refused: readers that differ there have been used for smuggling.
 */
#include "edge/http1/h1_body.h"

#include "core/obj.h"
#include "edge/http/http_char.h"

/* clang-format off */
#define H1_BODY_STATES(X) \
	X(LENGTH)        /* so many bytes                */ \
	X(UNTIL_CLOSE)   /* all that comes               */ \
	X(SIZE)          /* of a chunk                   */ \
	X(EXTENSION)     /* behind its ';'               */ \
	X(SIZE_LF)       /* behind the CR of that line   */ \
	X(DATA)          /*                              */ \
	X(DATA_CR)       /* behind the data              */ \
	X(DATA_LF)       /*                              */ \
	X(TRAILER)       /* where a trailer line begins  */ \
	X(TRAILER_NAME)  /*                              */ \
	X(TRAILER_VALUE) /*                              */ \
	X(TRAILER_LF)    /* behind the CR of such a line */ \
	X(LAST_LF)       /* behind the CR of the empty   */ \
	X(ENDED)         /*                              */ \
	X(MALFORMED)     /*                              */
/* clang-format on */

enum h1_body_state {
#define X(NAME) STATE_##NAME,
	H1_BODY_STATES(X)
#undef X
};

void h1_body_init(struct h1_body *body, enum http_body kind, uint64_t length)
{
	*body = (struct h1_body){ .left = length };
	switch (kind) {
	case HTTP_BODY_NONE:
		body->state = STATE_ENDED;
		body->left = 0;
		return;
	case HTTP_BODY_LENGTH:
		body->state = length ? STATE_LENGTH : STATE_ENDED;
		return;
	case HTTP_BODY_STREAM:
		body->state = STATE_SIZE;
		body->left = 0;
		return;
	case HTTP_BODY_UNTIL_CLOSE:
	case HTTP_BODY_TUNNEL:
		body->state = STATE_UNTIL_CLOSE;
		body->left = 0;
		return;
	}
	UNREACHABLE();
}

static int hex_value(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static enum h1_body_state on_size(struct h1_body *body, uint8_t byte)
{
	int value = hex_value(byte);

	if (value >= 0) {
		if (body->n_digits++ == H1_MAX_SIZE_DIGITS)
			return STATE_MALFORMED;
		body->left = body->left << 4 | (unsigned)value;
		return body->left <= INT64_MAX ? STATE_SIZE : STATE_MALFORMED;
	}
	if (body->n_digits == 0)
		return STATE_MALFORMED;
	if (byte == ';')
		return STATE_EXTENSION;
	return byte == '\r' ? STATE_SIZE_LF : STATE_MALFORMED;
}

static enum h1_body_state on_extension(struct h1_body *body, uint8_t byte)
{
	if (byte == '\r')
		return STATE_SIZE_LF;
	if (!http_char_is(byte, HTTP_CHAR_VALUE) ||
	    body->extension_bytes++ == H1_MAX_EXTENSION_BYTES ||
	    body->extensions_bytes++ == H1_MAX_EXTENSIONS_BYTES)
		return STATE_MALFORMED;
	return STATE_EXTENSION;
}

static enum h1_body_state on_size_lf(struct h1_body *body, uint8_t byte)
{
	body->n_digits = 0;
	body->extension_bytes = 0;
	if (byte != '\n')
		return STATE_MALFORMED;
	return body->left ? STATE_DATA : STATE_TRAILER;
}

/* A trailer line: a token, a colon, a value; no folding. */
static enum h1_body_state on_trailer(struct h1_body *body, uint8_t byte)
{
	if (body->trailer_bytes++ == H1_MAX_TRAILER_BYTES)
		return STATE_MALFORMED;
	switch (body->state) {
	case STATE_TRAILER:
		if (byte == '\r')
			return STATE_LAST_LF;
		return http_char_is(byte, HTTP_CHAR_TOKEN) ? STATE_TRAILER_NAME : STATE_MALFORMED;
	case STATE_TRAILER_NAME:
		if (byte == ':')
			return STATE_TRAILER_VALUE;
		return http_char_is(byte, HTTP_CHAR_TOKEN) ? STATE_TRAILER_NAME : STATE_MALFORMED;
	case STATE_TRAILER_VALUE:
		if (byte == '\r')
			return STATE_TRAILER_LF;
		return http_char_is(byte, HTTP_CHAR_VALUE) ? STATE_TRAILER_VALUE : STATE_MALFORMED;
	default:
		return byte == '\n' ? STATE_TRAILER : STATE_MALFORMED;
	}
}

static enum h1_body_state on_byte(struct h1_body *body, uint8_t byte)
{
	switch (body->state) {
	case STATE_SIZE:
		return on_size(body, byte);
	case STATE_EXTENSION:
		return on_extension(body, byte);
	case STATE_SIZE_LF:
		return on_size_lf(body, byte);
	case STATE_DATA_CR:
		return byte == '\r' ? STATE_DATA_LF : STATE_MALFORMED;
	case STATE_DATA_LF:
		return byte == '\n' ? STATE_SIZE : STATE_MALFORMED;
	case STATE_LAST_LF:
		return byte == '\n' ? STATE_ENDED : STATE_MALFORMED;
	default:
		return on_trailer(body, byte);
	}
}

static bool in_trailers(const struct h1_body *body)
{
	return body->state >= STATE_TRAILER && body->state <= STATE_TRAILER_LF;
}

/* Eats what has come of trailer lines; the empty line behind them is not theirs. */
static size_t trailers_eat(struct h1_body *body, struct span input)
{
	size_t at = 0;

	while (at < input.len && in_trailers(body)) {
		if (body->state == STATE_TRAILER && input.at[at] == '\r')
			break;
		body->state = (uint8_t)on_trailer(body, input.at[at++]);
	}
	return at;
}

static int give_data(struct h1_body *body, struct span input, size_t eaten, size_t *ret_eaten,
		     struct span *ret_data)
{
	struct span data = span_from(input, eaten);

	if (body->state != STATE_UNTIL_CLOSE) {
		data = span_first(data, body->left);
		body->left -= data.len;
		if (body->left == 0)
			body->state = body->state == STATE_DATA ? STATE_DATA_CR : STATE_ENDED;
	}
	*ret_data = data;
	*ret_eaten = eaten + data.len;
	return H1_BODY_DATA;
}

int h1_body_next(struct h1_body *body, struct span input, size_t *ret_eaten, struct span *ret_data)
{
	size_t at = 0;

	*ret_data = SPAN_NONE;
	for (;;) {
		*ret_eaten = at;
		if (body->state == STATE_ENDED)
			return H1_BODY_END;
		if (body->state == STATE_MALFORMED)
			return H1_BODY_MALFORMED;
		if (at == input.len)
			return H1_BODY_MORE;
		if (body->state == STATE_DATA || body->state == STATE_LENGTH ||
		    body->state == STATE_UNTIL_CLOSE)
			return give_data(body, input, at, ret_eaten, ret_data);
		struct span rest = span_from(input, at);
		size_t n = trailers_eat(body, rest);
		at += n;
		if (n && body->state != STATE_MALFORMED) {
			*ret_eaten = at;
			*ret_data = span_first(rest, n);
			return H1_BODY_TRAILER;
		}
		if (n == 0)
			body->state = (uint8_t)on_byte(body, input.at[at++]);
	}
}

bool h1_body_ended(const struct h1_body *body)
{
	return body->state == STATE_ENDED;
}

bool h1_body_ends_at_close(const struct h1_body *body)
{
	return body->state == STATE_UNTIL_CLOSE;
}

uint64_t h1_body_unseen(const struct h1_body *body)
{
	if (body->state == STATE_UNTIL_CLOSE)
		return UINT64_MAX;
	return body->state == STATE_LENGTH ? body->left : 0;
}

void h1_body_pass(struct h1_body *body, size_t n)
{
	MUST(n <= h1_body_unseen(body));
	if (body->state == STATE_UNTIL_CLOSE)
		return;
	body->left -= n;
	if (body->left == 0)
		body->state = STATE_ENDED;
}

uint64_t h1_body_left(const struct h1_body *body)
{
	return body->left;
}
