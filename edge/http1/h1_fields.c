/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_fields: field lines (RFC 9112 5), Connection (RFC 9110 7.6.1), framing (RFC 9112 6).
 */
#include "edge/http1/h1_fields.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/http/field_rules.h"
#include "edge/http/http_char.h"

/* RFC 9110 10.1.4: a list of codings, and this word. */
static bool names_trailers(struct span value)
{
	struct span part;

	while (span_cut(&value, ',', &part)) {
		if (span_ieq(span_trim(part), SPAN_LIT("trailers")))
			return true;
	}
	return false;
}

static int connection_note(struct h1_special *special, struct span value)
{
	if (special->n_connections == H1_MAX_CONNECTION_LINES)
		return H1_HEAD_LARGE; /* more lines than anybody needs */
	special->connections[special->n_connections++] = value;
	return H1_PARSED;
}

static int expect_note(struct h1_special *special, struct span value)
{
	if (span_ieq(value, SPAN_LIT("100-continue")))
		special->expects_continue = true;
	else
		special->expects_else = true;
	return H1_PARSED;
}

/* What is the connection's own affair leaves the fields. */
static bool is_special(unsigned id)
{
	const uint64_t special =
		UINT64_C(1) << HTTP_NAME_HOST | UINT64_C(1) << HTTP_NAME_CONTENT_LENGTH |
		UINT64_C(1) << HTTP_NAME_TRANSFER_ENCODING | UINT64_C(1) << HTTP_NAME_CONNECTION |
		UINT64_C(1) << HTTP_NAME_EXPECT | UINT64_C(1) << HTTP_NAME_UPGRADE |
		UINT64_C(1) << HTTP_NAME_KEEP_ALIVE | UINT64_C(1) << HTTP_NAME_PROXY_CONNECTION |
		UINT64_C(1) << HTTP_NAME_TE | UINT64_C(1) << HTTP_NAME_HTTP2_SETTINGS;

	_Static_assert(HTTP_N_NAMES <= 64, "one bit a name");
	return special >> id & 1;
}

static int special_note(struct h1_special *special, struct http_field field)
{
	switch ((unsigned)field.id) {
	case HTTP_NAME_HOST:
		special->n_hosts++;
		special->host = field.value;
		return H1_PARSED;
	case HTTP_NAME_CONTENT_LENGTH:
		special->n_lengths++;
		special->length = field.value;
		return H1_PARSED;
	case HTTP_NAME_TRANSFER_ENCODING:
		special->n_codings++;
		special->coding = field.value;
		return H1_PARSED;
	case HTTP_NAME_CONNECTION:
		return connection_note(special, field.value);
	case HTTP_NAME_EXPECT:
		return expect_note(special, field.value);
	case HTTP_NAME_UPGRADE:
		special->upgrade = field.value;
		return H1_PARSED;
	case HTTP_NAME_TE:
		special->takes_trailers |= names_trailers(field.value);
		return H1_PARSED;
	default: /* the others say nothing that is used */
		return H1_PARSED;
	}
}

/* One line: name ":" OWS value OWS CRLF. A line that begins with a space (obs-fold, RFC 9112 5.2)
 * and a space before the colon (5.1) are malformed. Controls were refused before. */
static int line_read(struct span bytes, size_t *at, struct http_head *head,
		     struct h1_special *special)
{
	size_t n = http_token_len(bytes, *at), colon = *at + n;

	if (n == 0 || colon == bytes.len || bytes.at[colon] != ':')
		return H1_MALFORMED;
	struct span name = span_of(bytes.at + *at, n);
	size_t end = http_find_cr(bytes, colon + 1);
	struct span value = span_trim(span_of(bytes.at + colon + 1, end - colon - 1));
	struct http_field field = { name, value, (uint16_t)http_name_lookup(name) };

	*at = end + 2;
	MUST(*at <= bytes.len && bytes.at[end + 1] == '\n');
	MUST_SLOW(http_find_control(value, 0) == value.len);
	if (is_special(field.id))
		return special_note(special, field);
	return http_head_add_found(head, field);
}

static void option_note(struct span option, struct http_head *head, struct h1_special *special)
{
	if (span_ieq(option, SPAN_LIT("close")))
		special->close = true;
	else if (span_ieq(option, SPAN_LIT("keep-alive")))
		special->keep_alive = true;
	else if (span_ieq(option, SPAN_LIT("upgrade")))
		special->names_upgrade = true;
	else if (!http_field_is_end_to_end(http_name_lookup(option), option))
		http_head_remove_other(head, option);
}

/* What Connection names goes, if it is the connection's own affair (RFC 9110 7.6.1). Bounded, for
 * each option costs a walk over the fields. */
static int connection_obey(struct http_head *head, struct h1_special *special)
{
	unsigned n_options = 0;

	for (unsigned i = 0; i < special->n_connections; i++) {
		struct span rest = special->connections[i], part;
		while (span_cut(&rest, ',', &part)) {
			struct span option = span_trim(part);
			if (option.len == 0)
				continue;
			if (!http_is_token(option))
				return H1_MALFORMED;
			if (n_options++ == H1_MAX_CONNECTION_OPTIONS)
				return H1_HEAD_LARGE;
			option_note(option, head, special);
		}
	}
	return H1_PARSED;
}

int h1_fields_read(struct span bytes, const struct h1_limits *limits, struct http_head *head,
		   struct h1_special *special)
{
	unsigned n_lines = 0;
	size_t at = 0;

	memset(special, 0, offsetof(struct h1_special, connections));
	while (at < bytes.len && bytes.at[at] != '\r') {
		if (n_lines++ == limits->max_fields)
			return H1_HEAD_LARGE;
		int r = line_read(bytes, &at, head, special);
		if (r != H1_PARSED)
			return r < 0 ? err_pass(r) : r;
	}
	MUST(at + 2 == bytes.len);
	return special->n_connections ? connection_obey(head, special) : H1_PARSED;
}

/* `chunked` alone is understood. RFC 9112 6.3: what does not end in chunked, has it twice or is no
 * list of codings at all, is 400; 6.1: an unknown coding before it is 501. */
static int coding_read(struct span value)
{
	const struct span chunked = SPAN_LIT("chunked");
	bool unknown = false, before_was_chunked = false;
	struct span part;

	if (span_ieq(value, chunked))
		return H1_PARSED;
	if (value.len == 0)
		return H1_MALFORMED;
	while (span_cut(&value, ',', &part)) {
		struct span coding = span_trim(part);
		if (before_was_chunked || !http_is_token(coding))
			return H1_MALFORMED;
		before_was_chunked = span_ieq(coding, chunked);
		unknown |= !before_was_chunked;
	}
	return unknown && before_was_chunked ? H1_CODING_UNKNOWN : H1_MALFORMED;
}

int h1_framing_read(const struct h1_special *special, struct http_head *head, bool *ret_chunked)
{
	*ret_chunked = false;
	if (special->n_codings) {
		/* Both, or in HTTP/1.0: somebody on the way will read it otherwise (RFC 9112
		 * 6.1). */
		if (special->n_lengths || special->n_codings > 1 || head->version_minor == 0)
			return H1_MALFORMED;
		head->body = HTTP_BODY_STREAM;
		*ret_chunked = true;
		return coding_read(special->coding);
	}
	if (special->n_lengths > 1 ||
	    (special->n_lengths && !span_to_u64(special->length, INT64_MAX, &head->body_length)))
		return H1_MALFORMED;
	head->has_length = special->n_lengths != 0;
	head->body = head->body_length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
	return H1_PARSED;
}
