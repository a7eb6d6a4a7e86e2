/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_h1_differential: the same head to us and to http-parser. Where the two do not say the same,
 * a row of h1_differences.h must say why; any other difference fails. The first byte of an input
 * chooses: bit 0 a response, bit 1 to HEAD.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/h1_differences.h"
#include "tests/fuzz/h1_peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct ours {
	int outcome; /* of either step */
	size_t len;
	struct http_head head;
	struct h1_parsed parsed;
};

static void fail(const struct text *text, const struct ours *ours, const struct peer *peer,
		 const char *what)
{
	fprintf(stderr, "not explained: %s; ours %d, http-parser's %d %s; %s\n%.*s\n", what,
		ours->outcome, (int)peer->verdict, peer->error ? peer->error : "",
		text->response ? "response" : "request", SPAN_FMT(text->all));
	abort();
}

static void ours_read(struct ours *ours, const struct text *text, struct span input,
		      struct arena *arena)
{
	struct h1_scan scan = { 0 };

	ours->outcome = h1_find_end(&scan, input, &limits, &ours->len);
	if (ours->outcome != H1_PARSED)
		return;
	struct span bytes = span_first(input, ours->len);
	if (text->response)
		ours->outcome =
			h1_parse_response(bytes, text->to_head ? HTTP_METHOD_HEAD : HTTP_METHOD_GET,
					  &limits, arena, &ours->head, &ours->parsed);
	else
		ours->outcome = h1_parse_request(span_from(bytes, scan.start), SPAN_LIT("http"),
						 &limits, arena, &ours->head, &ours->parsed);
	MUST(ours->outcome >= 0);
}

static void our_refusal_explain(const struct text *text, const struct ours *ours,
				const struct peer *peer)
{
	for (size_t i = 0; i < ARRAY_LEN(refused_by_us); i++) {
		const struct row *row = &refused_by_us[i];
		if (row->outcome == (enum h1_outcome)ours->outcome &&
		    (row->kind & (text->response ? RESPONSE : REQUEST)) && row->is_seen(text))
			return;
	}
	fail(text, ours, peer, "we refuse");
}

static void their_refusal_explain(const struct text *text, const struct ours *ours,
				  const struct peer *peer)
{
	for (size_t i = 0; i < ARRAY_LEN(refused_by_them); i++) {
		const struct their_row *row = &refused_by_them[i];
		if (strcmp(row->error, peer->error) == 0 && row->is_seen(text))
			return;
	}
	fail(text, ours, peer, "http-parser refuses");
}

static bool is_explained(const struct text *text, const struct both_row *rows, size_t n_rows)
{
	for (size_t i = 0; i < n_rows; i++) {
		if (rows[i].is_seen(text))
			return true;
	}
	return false;
}

static bool same_body(const struct http_head *head, const struct peer *peer)
{
	switch (head->body) {
	case HTTP_BODY_NONE:
		return peer->body == PEER_NO_BODY;
	case HTTP_BODY_LENGTH:
		return peer->body == PEER_LENGTH && peer->length == head->body_length;
	case HTTP_BODY_STREAM:
		return peer->body == PEER_CHUNKED;
	case HTTP_BODY_UNTIL_CLOSE:
		return peer->body == PEER_UNTIL_CLOSE;
	case HTTP_BODY_TUNNEL:
		break;
	}
	return false;
}

/* Ours are theirs, in their order, without those that speak of the connection. */
static bool same_fields(const struct http_head *head, const struct peer *peer)
{
	unsigned at = 0;

	for (unsigned i = 0; i < head->n_fields; i++, at++) {
		while (at < peer->n_fields &&
		       !(span_eq(peer->fields[at].name, head->fields[i].name) &&
			 span_eq(span_trim(peer->fields[at].value), head->fields[i].value)))
			at++;
		if (at == peer->n_fields)
			return false;
	}
	return true;
}

static void both_compare(const struct text *text, const struct ours *ours, const struct peer *peer)
{
	const struct http_head *head = &ours->head;

	if (ours->len != peer->len)
		fail(text, ours, peer, "the head's end");
	if (!same_fields(head, peer))
		fail(text, ours, peer, "the fields");
	if (text->response ? head->status != peer->status
			   : !scheme_len(text->target) && !span_eq(head->target, peer->target))
		fail(text, ours, peer, "the first line");
	if (head->version_minor != (peer->version_minor > 0) || peer->version_major != 1)
		fail(text, ours, peer, "the version");
	if (!same_body(head, peer) && !is_explained(text, bodies_differ, ARRAY_LEN(bodies_differ)))
		fail(text, ours, peer, "the body");
	if (ours->parsed.keep_alive != peer->keep_alive &&
	    !is_explained(text, keeping_differs, ARRAY_LEN(keeping_differs)))
		fail(text, ours, peer, "keeping the connection");
}

static void compare(struct text *text, const struct ours *ours, const struct peer *peer,
		    struct span input)
{
	if (ours->outcome == H1_PARSED && peer->verdict == PEER_ACCEPTS) {
		text_read(text, span_first(input, ours->len));
		both_compare(text, ours, peer);
	} else if (ours->outcome == H1_PARSED) {
		text_read(text, span_first(input, ours->len));
		if (peer->verdict == PEER_WANTS_MORE)
			fail(text, ours, peer, "http-parser wants more");
		their_refusal_explain(text, ours, peer);
	} else if (peer->verdict == PEER_ACCEPTS) {
		/* One byte more: a CR at the end may be bare. */
		text_read(text, span_first(input, peer->len + 1));
		if (ours->outcome == H1_NEED_MORE)
			fail(text, ours, peer, "we want more");
		our_refusal_explain(text, ours, peer);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct peer peer;
	static struct text text;
	struct ours ours = { 0 };
	struct arena arena;

	if (size == 0 || size > PEER_MAX_BYTES)
		return 0;
	struct span input = span_of(data + 1, size - 1);
	text.response = data[0] & 1;
	text.to_head = data[0] & 2;
	text_read(&text, input);
	arena_init(&arena, 65536);
	ours_read(&ours, &text, input, &arena);
	peer_read(&peer, input, text.response, text.response && text.to_head);
	compare(&text, &ours, &peer, input);
	arena_fini(&arena);
	return 0;
}
