/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_differences: where we and http-parser do not say the same of a head, and why: each row has the
 * clause that rules it, who is right, and how the cause is seen in the text itself. For
 * fuzz_h1_differential.c alone.
 */
#pragma once

#include "core/obj.h"
#include "edge/http/host.h"
#include "edge/http/http_char.h"
#include "edge/http1/h1_parse.h"
#include "tests/fuzz/h1_peer.h"
#include "tests/fuzz/h1_text.h"

/* So wide that what is long is rare; http-parser has no limits that could be reached. */
static const struct h1_limits limits = { 2048, PEER_MAX_BYTES, HTTP_MAX_FIELDS };

/* ---- why we refuse what http-parser takes ---- */

static bool has_bare_cr_or_lf(const struct text *text)
{
	const uint8_t *at = text->all.at;

	for (size_t i = 0; i < text->all.len; i++) {
		if (at[i] == '\n' && (i == 0 || at[i - 1] != '\r'))
			return true;
		if (at[i] == '\r' && i + 1 < text->all.len && at[i + 1] != '\n')
			return true;
	}
	return false;
}

static bool has_control(const struct text *text)
{
	for (size_t i = 0; i < text->all.len; i++) {
		uint8_t byte = text->all.at[i];
		if ((byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') || byte == 0x7f)
			return true;
	}
	return false;
}

static bool has_empty_lines_before(const struct text *text)
{
	return text->skipped > (text->response ? 0 : 2);
}

static bool has_other_spaces(const struct text *text)
{
	unsigned n = 0;

	for (size_t i = 0; i < text->first.len; i++)
		n += text->first.at[i] == ' ';
	return n != 2 || holds(text->first, '\t');
}

static bool version_is_odd(const struct text *text)
{
	struct span version = text->response ? span_first(text->first, 8) : text->version;

	return version.len != 8 || !span_starts(version, SPAN_LIT("HTTP/")) ||
	       version.at[6] != '.' || !holds(SPAN_LIT("0123456789"), version.at[5]) ||
	       !holds(SPAN_LIT("0123456789"), version.at[7]);
}

static bool version_is_not_1(const struct text *text)
{
	struct span version = text->response ? text->first : text->version;

	return version.len < 6 || version.at[5] != '1';
}

static bool has_fragment(const struct text *text)
{
	return holds(text->target, '#');
}

static size_t scheme_len(struct span target)
{
	if (span_ieq(span_first(target, 7), SPAN_LIT("http://")))
		return 7;
	return span_ieq(span_first(target, 8), SPAN_LIT("https://")) ? 8 : 0;
}

static bool target_has_no_form(const struct text *text)
{
	if (span_starts(text->target, SPAN_LIT("/")) || scheme_len(text->target) == 7)
		return false;
	return !span_eq(text->target, SPAN_LIT("*")) || !span_eq(text->method, SPAN_LIT("OPTIONS"));
}

static struct span authority_of(struct span target)
{
	struct span rest = span_from(target, scheme_len(target));
	size_t end = 0;

	while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?')
		end++;
	return span_first(rest, end);
}

static bool reads_as_host(struct span text, struct arena *arena, struct http_host *ret_host)
{
	return http_host_parse(text, arena, ret_host) == HTTP_HOST_OK;
}

static bool authority_is_bad(const struct text *text)
{
	struct http_host host;
	struct arena arena;

	if (!scheme_len(text->target))
		return false;
	arena_init(&arena, 16384);
	bool is_bad = !reads_as_host(authority_of(text->target), &arena, &host);
	arena_fini(&arena);
	return is_bad;
}

static bool hosts_disagree(const struct text *text)
{
	struct http_host ours, theirs;
	struct arena arena;
	unsigned n;
	const struct line *line = find(text, "host", &n);

	if (!scheme_len(text->target) || !line)
		return false;
	arena_init(&arena, 16384);
	bool differ = reads_as_host(line->value, &arena, &ours) &&
		      reads_as_host(authority_of(text->target), &arena, &theirs) &&
		      !http_host_same(&ours, &theirs, SPAN_LIT("http"));
	arena_fini(&arena);
	return differ;
}

static bool has_no_host(const struct text *text)
{
	return count(text, "host") == 0;
}

static bool has_two_hosts(const struct text *text)
{
	return count(text, "host") > 1;
}

static bool host_is_bad(const struct text *text)
{
	unsigned n;
	const struct line *line = find(text, "host", &n);
	struct http_host host;
	struct arena arena;

	if (!line)
		return false;
	arena_init(&arena, 16384);
	bool is_bad = !reads_as_host(line->value, &arena, &host);
	arena_fini(&arena);
	return is_bad;
}

static bool is_connect(const struct text *text)
{
	return span_eq(text->method, SPAN_LIT("CONNECT"));
}

static bool expects_something(const struct text *text)
{
	unsigned n;
	const struct line *line = find(text, "expect", &n);

	return line && (n > 1 || !span_ieq(line->value, SPAN_LIT("100-continue")));
}

/* Of a line that is no field: folded, no colon, a space or anything else in the name. */
static bool has_odd_line(const struct text *text)
{
	for (unsigned i = 0; i < text->n_lines; i++) {
		const struct line *line = &text->lines[i];
		bool is_last = line->name.len == 0 && !line->has_colon;
		if (!is_last && (!line->has_colon || !http_is_token(line->name)))
			return true;
	}
	return false;
}

static bool length_is_odd(const struct text *text)
{
	unsigned n;
	const struct line *line = find(text, "content-length", &n);
	uint64_t length;

	return n > 1 || (line && !span_to_u64(line->value, INT64_MAX, &length));
}

static bool coding_is_not_chunked(const struct text *text)
{
	unsigned n;
	const struct line *line = find(text, "transfer-encoding", &n);

	return line && (n > 1 || !span_ieq(line->value, SPAN_LIT("chunked")));
}

static bool coding_is_after_others(const struct text *text)
{
	unsigned n;
	const struct line *line = find(text, "transfer-encoding", &n);
	struct span value = line ? line->value : SPAN_NONE;

	return n == 1 && value.len > 7 && holds(value, ',') &&
	       span_ieq(span_from(value, value.len - 7), SPAN_LIT("chunked"));
}

static bool has_coding_in_1_0(const struct text *text)
{
	struct span version = text->response ? span_first(text->first, 8) : text->version;

	return count(text, "transfer-encoding") && span_ends(version, SPAN_LIT(".0"));
}

static bool has_both(const struct text *text)
{
	return count(text, "transfer-encoding") && count(text, "content-length");
}

static bool connection_is_no_list(const struct text *text)
{
	for (unsigned i = 0; i < text->n_lines; i++) {
		struct span value = text->lines[i].value, part;
		if (!span_ieq(text->lines[i].name, SPAN_LIT("connection")))
			continue;
		while (span_cut(&value, ',', &part)) {
			struct span option = span_trim(part);
			if (option.len && !http_is_token(option))
				return true;
		}
	}
	return false;
}

static bool is_large(const struct text *text)
{
	unsigned n_options = 0;

	for (unsigned i = 0; i < text->n_lines; i++) {
		if (!span_ieq(text->lines[i].name, SPAN_LIT("connection")))
			continue;
		for (size_t at = 0; at < text->lines[i].value.len; at++)
			n_options += text->lines[i].value.at[at] == ',';
		n_options++;
	}
	return text->all.len > limits.max_line_bytes || text->n_lines > limits.max_fields ||
	       count(text, "connection") > 8 || n_options > 32;
}

static unsigned status_of(const struct text *text)
{
	uint64_t status;

	if (text->first.len < 12 ||
	    !span_to_u64(span_first(span_from(text->first, 9), 3), 999, &status))
		return 0;
	return (unsigned)status;
}

static bool status_is_odd(const struct text *text)
{
	return status_of(text) < 100 || status_of(text) > 599 || text->first.at[8] != ' ' ||
	       (text->first.len > 12 && text->first.at[12] != ' ');
}

static bool interim_has_body(const struct text *text)
{
	unsigned n;
	const struct line *line = find(text, "content-length", &n);

	return status_of(text) < 200 && (line || count(text, "transfer-encoding"));
}

enum whose { OURS = 1, THEIRS = 2, EITHER = 3 };
enum kind { REQUEST = 1, RESPONSE = 2, BOTH = 3 };

struct row {
	const char *clause, *what;
	enum whose right;
	enum kind kind;
	enum h1_outcome outcome; /* of ours */
	bool (*is_seen)(const struct text *text);
};

/* clang-format off */
static const struct row refused_by_us[] = {
	{ "9112 2.2",   "LF alone may end a line, and need not: readers differ, so it is refused", EITHER, BOTH, H1_MALFORMED, has_bare_cr_or_lf },
	{ "9110 5.5",   "controls; http-parser looks in values alone, not in the reason",    OURS,   BOTH,     H1_MALFORMED,      has_control },
	{ "9112 2.2",   "one empty line before a request, none before a response",           EITHER, BOTH,     H1_MALFORMED,      has_empty_lines_before },
	{ "9112 3",     "one space each between the words of a request line",                OURS,   REQUEST,  H1_MALFORMED,      has_other_spaces },
	{ "9112 2.3",   "HTTP/ in capitals and two digits; HTTP/0.9 has no version",          OURS,   BOTH,     H1_MALFORMED,      version_is_odd },
	{ "9112 2.3",   "a major version that is not 1 is 505",                              OURS,   REQUEST,  H1_VERSION,        version_is_not_1 },
	{ "9112 2.3",   "a major version that is not 1, of a response",                      OURS,   RESPONSE, H1_MALFORMED,      version_is_not_1 },
	{ "9112 3.2",   "no fragment in a target",                                           OURS,   REQUEST,  H1_MALFORMED,      has_fragment },
	{ "9112 3.2",   "four forms of target; CONNECT's and other schemes are none here",   OURS,   REQUEST,  H1_MALFORMED,      target_has_no_form },
	{ "9112 3.2.2", "an authority of a host and a port, no userinfo",                    OURS,   REQUEST,  H1_MALFORMED,      authority_is_bad },
	{ "9112 3.2.2", "Host must say what an absolute target says",                        OURS,   REQUEST,  H1_MALFORMED,      hosts_disagree },
	{ "9112 3.2",   "Host is missing; http-parser leaves it to its user",                OURS,   REQUEST,  H1_MALFORMED,      has_no_host },
	{ "9112 3.2",   "more than one Host",                                                OURS,   REQUEST,  H1_MALFORMED,      has_two_hosts },
	{ "9112 3.2",   "Host is none",                                                      OURS,   REQUEST,  H1_MALFORMED,      host_is_bad },
	{ "9112 3.2.3", "CONNECT is refused by policy",                                      EITHER, REQUEST,  H1_METHOD_REFUSED, is_connect },
	{ "9110 10.1.1","an expectation other than 100-continue is 417",                     OURS,   REQUEST,  H1_EXPECTATION,    expects_something },
	{ "9112 5",     "a field is a token and a colon: no fold (5.2), no space before (5.1)", OURS, BOTH,    H1_MALFORMED,      has_odd_line },
	{ "9110 8.6",   "one length of digits, below 2^63",                                  OURS,   BOTH,     H1_MALFORMED,      length_is_odd },
	{ "9112 6.1",   "of codings, chunked before all; others are 501",                    OURS,   REQUEST,  H1_CODING_UNKNOWN, coding_is_after_others },
	{ "9112 6.3",   "chunked alone, once",                                               OURS,   BOTH,     H1_MALFORMED,      coding_is_not_chunked },
	{ "9112 6.1",   "no coding in HTTP/1.0",                                             OURS,   BOTH,     H1_MALFORMED,      has_coding_in_1_0 },
	{ "9112 6.3",   "a length and a coding",                                             OURS,   BOTH,     H1_MALFORMED,      has_both },
	{ "9110 5.6.1", "Connection is a list of tokens",                                    OURS,   BOTH,     H1_MALFORMED,      connection_is_no_list },
	{ "9110 15",    "a status is three digits, 100 to 599, and a space before the reason", OURS,  RESPONSE, H1_MALFORMED,     status_is_odd },
	{ "9110 8.6",   "1xx that announces a body",                                         OURS,   RESPONSE, H1_MALFORMED,      interim_has_body },
	{ "9112 3",     "long lines, many fields: our limits",                               EITHER, BOTH,     H1_URI_LONG,       is_large },
	{ "9112 3",     "long heads, many fields: our limits",                               EITHER, BOTH,     H1_HEAD_LARGE,     is_large },
};
/* clang-format on */

/* ---- why http-parser refuses what we take ---- */

static bool method_is_not_listed(const struct text *text)
{
	static const char *const listed[] = {
		"DELETE",     "GET",       "HEAD",      "POST",        "PUT",      "CONNECT",
		"OPTIONS",    "TRACE",     "COPY",      "LOCK",        "MKCOL",    "MOVE",
		"PROPFIND",   "PROPPATCH", "SEARCH",    "UNLOCK",      "BIND",     "REBIND",
		"UNBIND",     "ACL",       "REPORT",    "MKACTIVITY",  "CHECKOUT", "MERGE",
		"M-SEARCH",   "NOTIFY",    "SUBSCRIBE", "UNSUBSCRIBE", "PATCH",    "PURGE",
		"MKCALENDAR", "LINK",      "UNLINK",    "SOURCE",
	};

	for (size_t i = 0; i < ARRAY_LEN(listed); i++) {
		if (span_eq(text->method, span_str(listed[i])))
			return false;
	}
	return true;
}

static bool target_has_raw_bytes(const struct text *text)
{
	for (size_t i = 0; i < text->target.len; i++) {
		if (text->target.at[i] >= 0x80)
			return true;
	}
	return false;
}

/* "transfer-encoding-x": its flag is set while the name is still being matched. */
static bool has_name_that_begins_like_coding(const struct text *text)
{
	const struct span coding = SPAN_LIT("transfer-encoding");

	for (unsigned i = 0; i < text->n_lines; i++) {
		struct span name = text->lines[i].name;
		if (name.len > coding.len && span_ieq(span_first(name, coding.len), coding))
			return true;
	}
	return false;
}

static bool has_tab_around(const struct text *text, const char *name)
{
	struct span rest = text->all;

	while (rest.len) {
		struct span line = line_cut(&rest);
		struct span start = span_first(line, span_find(line, ':'));
		if (span_ieq(start, span_str(name)) && holds(line, '\t'))
			return true;
	}
	return false;
}

static bool length_has_tab(const struct text *text)
{
	return has_tab_around(text, "content-length");
}

static bool coding_has_tab(const struct text *text)
{
	return has_tab_around(text, "transfer-encoding");
}

struct their_row {
	const char *clause, *what;
	enum whose right;
	const char *error;
	bool (*is_seen)(const struct text *text);
};

/* clang-format off */
static const struct their_row refused_by_them[] = {
	{ "9110 9.1",   "any token is a method; http-parser has a list",                     OURS,   "HPE_INVALID_METHOD",            method_is_not_listed },
	{ "3986 2",     "raw bytes above ASCII in a target: decision 0008",                  THEIRS, "HPE_INVALID_URL",               target_has_raw_bytes },
	{ "9110 5.5",   "a tab around a length is white space",                              OURS,   "HPE_INVALID_CONTENT_LENGTH",    length_has_tab },
	{ "9110 5.5",   "a tab around a coding is white space",                              OURS,   "HPE_INVALID_TRANSFER_ENCODING", coding_has_tab },
	{ "9110 5.1",   "a longer name that begins as Transfer-Encoding is another name",    OURS,   "HPE_INVALID_TRANSFER_ENCODING", has_name_that_begins_like_coding },
	{ "9110 5.1",   "a longer name that begins as Transfer-Encoding is another name",    OURS,   "HPE_UNEXPECTED_CONTENT_LENGTH", has_name_that_begins_like_coding },
};
/* clang-format on */

/* ---- why both take it and say different things ---- */

static bool response_cannot_have_its_body(const struct text *text)
{
	unsigned status = status_of(text);

	return text->response && (status < 200 || status == 204 || status == 304) &&
	       (count(text, "content-length") || count(text, "transfer-encoding"));
}

static bool has_proxy_connection(const struct text *text)
{
	return count(text, "proxy-connection") != 0;
}

static bool connection_has_tab(const struct text *text)
{
	return has_tab_around(text, "connection");
}

static bool connection_has_empty_option(const struct text *text)
{
	for (unsigned i = 0; i < text->n_lines; i++) {
		struct span value = text->lines[i].value, part;
		if (!span_ieq(text->lines[i].name, SPAN_LIT("connection")))
			continue;
		while (span_cut(&value, ',', &part)) {
			if (span_trim(part).len == 0)
				return true;
		}
	}
	return false;
}

/* "c,close": the comma is taken for the letter that should follow, and the next option is lost. */
static bool connection_has_begun_option(const struct text *text)
{
	const struct span known[] = { SPAN_LIT("close"), SPAN_LIT("keep-alive"),
				      SPAN_LIT("upgrade") };

	for (unsigned i = 0; i < text->n_lines; i++) {
		struct span value = text->lines[i].value, part;
		if (!span_ieq(text->lines[i].name, SPAN_LIT("connection")))
			continue;
		while (span_cut(&value, ',', &part)) {
			struct span option = span_trim(part);
			for (size_t j = 0; option.len && j < ARRAY_LEN(known); j++) {
				if (option.len < known[j].len &&
				    span_ieq(option, span_first(known[j], option.len)))
					return true;
			}
		}
	}
	return false;
}

static bool is_1_0_with_both_options(const struct text *text)
{
	struct span version = text->response ? span_first(text->first, 8) : text->version;

	return span_ends(version, SPAN_LIT("0")) && count(text, "connection");
}

/* Some word that is not chunked: we read until the close, and the connection ends with it. */
static bool response_has_unknown_coding(const struct text *text)
{
	return text->response && coding_is_not_chunked(text);
}

struct both_row {
	const char *clause, *what;
	enum whose right;
	bool (*is_seen)(const struct text *text);
};

/* clang-format off */
static const struct both_row bodies_differ[] = {
	{ "9112 6.3",   "1xx, 204 and 304 have no body, whatever they announce; http-parser waits for it", OURS, response_cannot_have_its_body },
	{ "9112 6.3",   "a coding that nobody knows lasts until the close, however it begins", OURS, response_has_unknown_coding },
	{ "9110 5.1",   "a longer name that begins as Transfer-Encoding is another name",    OURS, has_name_that_begins_like_coding },
	{ "9110 5.5",   "a tab behind a coding is white space",                              OURS, coding_has_tab },
};

static const struct both_row keeping_differs[] = {
	{ "9112 6.3",   "a coding that nobody knows lasts until the close, however it begins", OURS, response_has_unknown_coding },
	{ "9112 9.3",   "Proxy-Connection is no Connection",                                 OURS, has_proxy_connection },
	{ "9110 5.5",   "a tab around an option is white space",                             OURS, connection_has_tab },
	{ "9110 5.6.1", "empty members of a list are passed over",                           OURS, connection_has_empty_option },
	{ "9110 5.6.1", "an option ends at its comma, also when it begins as another does",  OURS, connection_has_begun_option },
	{ "9112 9.3",   "close comes before keep-alive, in HTTP/1.0 too",                    OURS, is_1_0_with_both_options },
	{ "9112 6.3",   "a body that 204 cannot have: the connection is not used again",     OURS, response_cannot_have_its_body },
	{ "9110 5.1",   "a longer name that begins as Transfer-Encoding is another name",    OURS, has_name_that_begins_like_coding },
	{ "9110 5.5",   "a tab behind a coding is white space",                              OURS, coding_has_tab },
};
/* clang-format on */
