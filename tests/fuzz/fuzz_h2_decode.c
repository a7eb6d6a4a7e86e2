/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_h2_decode: a header block of any kind, at once and in pieces: the same must come of it, and
 * what is taken must be such that HTTP/1.1 reads the same request again.
 */
#include "core/must.h"
#include "core/obj.h"
#include "edge/http/http_char.h"
#include "edge/http1/h1_parse.h"
#include "edge/http1/h1_write.h"
#include "edge/http2/h2_decode.h"
#include "edge/http2/h2_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct h2_decode_limits limits = { 4096, 16 };

enum { END_STREAM = 0x80 };

static int decode(struct span block, size_t piece, uint8_t how, struct arena *arena,
		  struct http_head *head)
{
	static const enum h2_block kinds[] = { H2_BLOCK_REQUEST, H2_BLOCK_RESPONSE,
					       H2_BLOCK_TRAILERS, H2_BLOCK_DISCARD };
	enum h2_block kind = kinds[how % 4];
	struct h2_decoder decoder;
	int r = H2_DECODED;

	MUST(h2_decoder_init(&decoder, &limits) == 0 && http_head_init(head, arena) == 0);
	h2_decode_begin(&decoder, kind, kind == H2_BLOCK_DISCARD ? NULL : head, SPAN_LIT("https"));
	while (r == H2_DECODED && block.len) {
		struct span part = span_first(block, piece);
		block = span_from(block, part.len);
		r = h2_decode_feed(&decoder, part, block.len == 0);
	}
	if (r == H2_DECODED)
		r = h2_decode_end(&decoder, how & END_STREAM);
	h2_decoder_fini(&decoder);
	return r;
}

static void same(const struct http_head *a, const struct http_head *b)
{
	MUST(a->n_fields == b->n_fields && a->body == b->body && a->status == b->status &&
	     a->body_length == b->body_length);
	MUST(span_eq(a->target, b->target) && span_eq(a->host, b->host));
	for (size_t i = 0; i < a->n_fields; i++)
		MUST(span_eq(a->fields[i].name, b->fields[i].name) &&
		     span_eq(a->fields[i].value, b->fields[i].value));
}

static void fields_check(const struct http_head *head)
{
	MUST(head->n_fields <= limits.max_fields);
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];
		MUST(http_is_token(field->name) && http_all(field->value, HTTP_CHAR_VALUE));
		MUST(span_trim(field->value).len == field->value.len);
		MUST(field->id != HTTP_NAME_CONNECTION && field->id != HTTP_NAME_CONTENT_LENGTH &&
		     field->id != HTTP_NAME_TRANSFER_ENCODING && field->id != HTTP_NAME_UPGRADE &&
		     field->id != HTTP_NAME_TE);
	}
}

/* To HTTP/1.1 and back: one request, the same. */
static void forward_check(const struct http_head *head, struct arena *arena)
{
	static const struct h1_limits wide = { 16384, 32768, HTTP_MAX_FIELDS };
	struct http_head again;
	struct h1_parsed parsed;
	struct buf text;

	if (head->upgrade.len || head->method == HTTP_METHOD_CONNECT)
		return;
	buf_init(&text, 65536);
	buf_printf(&text, "%.*s %.*s HTTP/1.1\r\nHost: %.*s\r\n", SPAN_FMT(head->method_text),
		   SPAN_FMT(head->target), SPAN_FMT(head->authority));
	for (size_t i = 0; i < head->n_fields; i++)
		buf_printf(&text, "%.*s: %.*s\r\n", SPAN_FMT(head->fields[i].name),
			   SPAN_FMT(head->fields[i].value));
	buf_add_str(&text, "\r\n");
	int r = h1_parse_request(buf_span(&text), head->scheme, &wide, arena, &again, &parsed);
	MUST(r == H1_PARSED && again.n_fields == head->n_fields);
	MUST(span_eq(again.target, head->target) && span_eq(again.host, head->host));
	buf_fini(&text);
}

/* What we would say to an origin by HTTP/2 is what we were told. */
static void encode_check(const struct http_head *head, struct arena *arena)
{
	struct http_head again;
	struct buf block;

	if (head->method == HTTP_METHOD_CONNECT)
		return;
	buf_init(&block, 65536);
	h2_encode_request(&block, head);
	MUST(!block.failed);
	int r = decode(buf_span(&block), SIZE_MAX, H2_BLOCK_REQUEST, arena, &again);
	MUST(r == H2_DECODED || r == H2_DECODED_LARGE);
	if (r == H2_DECODED)
		MUST(span_eq(again.target, head->target) && again.n_fields == head->n_fields);
	buf_fini(&block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head head, cut;
	struct arena arena;

	if (size < 3)
		return 0;
	arena_init(&arena, 1 << 20);
	struct span block = span_of(data + 2, size - 2);
	int r = decode(block, SIZE_MAX, data[0], &arena, &head);
	int cut_r = decode(block, (size_t)1 + data[1] % 16, data[0], &arena, &cut);
	MUST(r >= 0 && r == cut_r);
	if (r == H2_DECODED && data[0] % 4 != 3) {
		same(&head, &cut);
		fields_check(&head);
	}
	if (r == H2_DECODED && data[0] % 4 == 0) {
		forward_check(&head, &arena);
		encode_check(&head, &arena);
	}
	arena_fini(&arena);
	return 0;
}
