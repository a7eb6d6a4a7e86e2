/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_fields: field lines (RFC 9112 5), Connection (RFC 9110 7.6.1), framing (RFC 9112 6).
 */
#include "edge/http1/h1_fields.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/http1/h1_char.h"

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

/* A field that is the connection's own affair. H1_HEAD_LARGE: more Connection lines than anybody
 * needs. */
static int special_note(struct h1_special *special, enum http_name id, struct span value)
{
	switch ((unsigned)id) {
	case HTTP_NAME_HOST:
		special->n_hosts++;
		special->host = value;
		return H1_PARSED;
	case HTTP_NAME_CONTENT_LENGTH:
		special->n_lengths++;
		special->length = value;
		return H1_PARSED;
	case HTTP_NAME_TRANSFER_ENCODING:
		special->n_codings++;
		special->coding = value;
		return H1_PARSED;
	case HTTP_NAME_CONNECTION:
		if (special->n_connections == H1_MAX_CONNECTION_LINES)
			return H1_HEAD_LARGE;
		special->connections[special->n_connections++] = value;
		return H1_PARSED;
	case HTTP_NAME_EXPECT:
		if (span_ieq(value, SPAN_LIT("100-continue")))
			special->expects_continue = true;
		else
			special->expects_else = true;
		return H1_PARSED;
	case HTTP_NAME_UPGRADE:
		special->upgrade = value;
		return H1_PARSED;
	case HTTP_NAME_TE:
		special->takes_trailers |= names_trailers(value);
		return H1_PARSED;
	default: /* Keep-Alive and Proxy-Connection say nothing that is used */
		return H1_PARSED;
	}
}

static bool is_special(enum http_name id)
{
	const uint64_t special =
		UINT64_C(1) << HTTP_NAME_HOST | UINT64_C(1) << HTTP_NAME_CONTENT_LENGTH |
		UINT64_C(1) << HTTP_NAME_TRANSFER_ENCODING | UINT64_C(1) << HTTP_NAME_CONNECTION |
		UINT64_C(1) << HTTP_NAME_EXPECT | UINT64_C(1) << HTTP_NAME_UPGRADE |
		UINT64_C(1) << HTTP_NAME_KEEP_ALIVE | UINT64_C(1) << HTTP_NAME_PROXY_CONNECTION |
		UINT64_C(1) << HTTP_NAME_TE;

	_Static_assert(HTTP_N_NAMES <= 64, "one bit a name");
	return special >> id & 1;
}

/* One line without its CRLF: name ":" OWS value OWS. A line that begins with a space (obs-fold, RFC
 * 9112 5.2), a space before the colon (5.1), bare CR, NUL and other controls: malformed. */
static int line_read(struct span line, struct http_head *head, struct h1_special *special)
{
	size_t colon = span_find(line, ':');
	struct span name = span_first(line, colon);

	if (colon == line.len || !h1_is_token(name))
		return H1_MALFORMED;
	struct span value = span_trim(span_from(line, colon + 1));
	if (!h1_all(value, H1_VALUE))
		return H1_MALFORMED;
	enum http_name id = http_name_lookup(name);
	if (is_special(id))
		return special_note(special, id, value);
	return http_head_add_other(head, name, value);
}

static void option_note(struct span option, struct http_head *head, struct h1_special *special)
{
	if (span_ieq(option, SPAN_LIT("close")))
		special->close = true;
	else if (span_ieq(option, SPAN_LIT("keep-alive")))
		special->keep_alive = true;
	else if (span_ieq(option, SPAN_LIT("upgrade")))
		special->names_upgrade = true;
	else
		http_head_remove_other(head, option);
}

/* What Connection names goes (RFC 9110 7.6.1). Bounded, for each option costs a walk over the
 * fields. */
static int connection_obey(struct http_head *head, struct h1_special *special)
{
	unsigned n_options = 0;

	for (unsigned i = 0; i < special->n_connections; i++) {
		struct span rest = special->connections[i], part;
		while (span_cut(&rest, ',', &part)) {
			struct span option = span_trim(part);
			if (option.len == 0)
				continue;
			if (!h1_is_token(option))
				return H1_MALFORMED;
			if (n_options++ == H1_MAX_CONNECTION_OPTIONS)
				return H1_HEAD_LARGE;
			option_note(option, head, special);
		}
	}
	return H1_PARSED;
}

int h1_fields_read(struct span bytes, const struct h1_limits *limits, struct http_head *head,
		   struct h1_special *ret_special)
{
	unsigned n_lines = 0;

	*ret_special = (struct h1_special){ 0 };
	for (;;) {
		/* h1_find_end() has seen that each LF has its CR. */
		size_t lf = span_find(bytes, '\n');
		MUST(lf > 0 && lf < bytes.len && bytes.at[lf - 1] == '\r');
		if (lf == 1)
			break;
		if (n_lines++ == limits->max_fields)
			return H1_HEAD_LARGE;
		int r = line_read(span_first(bytes, lf - 1), head, ret_special);
		if (r != H1_PARSED)
			return r < 0 ? err_pass(r) : r;
		bytes = span_from(bytes, lf + 1);
	}
	return connection_obey(head, ret_special);
}

/* `chunked` alone is understood. RFC 9112 6.1: an unknown coding is 501; 6.3: chunked that is not
 * last, or twice, and what is no list of codings at all, is 400. */
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
		if (before_was_chunked || !h1_is_token(coding))
			return H1_MALFORMED;
		before_was_chunked = span_ieq(coding, chunked);
		unknown |= !before_was_chunked;
	}
	return unknown ? H1_CODING_UNKNOWN : H1_MALFORMED;
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
