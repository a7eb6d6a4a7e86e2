/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_parse: the first lines, the target's forms, and what both kinds of head have to agree with.
 *
 * Parsing begins when the head is whole: so there is one state to keep between two reads, the place
 * where the search for the empty line goes on.
 */
#include "edge/http1/h1_parse.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/http/host.h"
#include "edge/http/http_char.h"
#include "edge/http1/h1_fields.h"

/* ---- the end of a head ---- */

/* One empty line before a request is tolerated (RFC 9112 2.2). What begins with no letter of a
 * method is no HTTP: a TLS hello on a plain port need not wait for its time-out. */
static int begin_check(struct h1_scan *scan, struct span input)
{
	if (input.len == scan->start)
		return H1_NEED_MORE;
	if (scan->start == 0 && input.at[0] == '\r') {
		if (input.len == 1)
			return H1_NEED_MORE;
		if (input.at[1] != '\n')
			return H1_MALFORMED;
		scan->start = scan->at = scan->line = 2;
		if (input.len == 2)
			return H1_NEED_MORE;
	}
	return http_char_is(input.at[scan->start], HTTP_CHAR_TOKEN) ? H1_PARSED : H1_MALFORMED;
}

static int size_check(const struct h1_scan *scan, size_t len, const struct h1_limits *limits)
{
	if (!scan->has_line && len - scan->start > limits->max_line_bytes)
		return H1_URI_LONG;
	return len - scan->start > limits->max_head_bytes ? H1_HEAD_LARGE : H1_PARSED;
}

/* The control at `at` ends a line, or it has no business in a head. The LF alone: RFC 9112 2.2 lets
 * us, but whoever parses behind us may not agree. */
static bool is_line_end(struct span input, size_t at)
{
	return input.at[at] == '\r' && input.at[at + 1] == '\n'; /* behind a CR is another byte */
}

/* A version ends a request's first line and begins a response's. Who speaks something else (SSH,
 * HTTP/0.9) may wait for us behind it, and would for as long as a head may take. */
static bool names_http(struct span line)
{
	static const struct span word = { (const uint8_t *)"HTTP/", 5 };

	return span_starts(line, word) ||
	       (line.len > 8 && span_starts(span_from(line, line.len - 8), word));
}

/* All controls of the next n bytes, at most 64. H1_PARSED: the head has ended. */
static int controls_read(struct h1_scan *scan, struct span input, size_t n,
			 const struct h1_limits *limits)
{
	size_t from = scan->at, line = scan->line;
	uint64_t mask = http_controls(input.at + from, n);
	bool is_near = size_check(scan, from + n + 1, limits) != H1_PARSED; /* the limit is */

	for (; mask; mask &= mask - 1) {
		size_t at = from + (unsigned)__builtin_ctzll(mask);
		if (at < line)
			continue; /* the LF of the line before */
		size_t end = at + (input.at[at] == '\r' ? 2 : 1);
		int r = is_near ? size_check(scan, end, limits) : H1_PARSED;
		if (r != H1_PARSED)
			return r;
		if (!is_line_end(input, at))
			return H1_MALFORMED;
		if (!scan->has_line && !names_http(span_from(span_first(input, at), scan->start)))
			return H1_MALFORMED;
		scan->has_line = true;
		scan->line = end;
		if (at == line)
			return H1_PARSED;
		line = end;
	}
	scan->at = MAX(from + n, line);
	return H1_NEED_MORE;
}

int h1_find_end(struct h1_scan *scan, struct span input, const struct h1_limits *limits,
		size_t *ret_len)
{
	size_t len = input.len;
	int r;

	MUST(scan->at <= len);
	if (scan->at == scan->start) {
		r = begin_check(scan, input);
		if (r != H1_PARSED)
			return r;
	}
	if (input.at[len - 1] == '\r')
		len--; /* to be looked at with the byte behind it */
	while (scan->at < len) {
		r = controls_read(scan, input, MIN(len - scan->at, (size_t)64), limits);
		if (r == H1_PARSED)
			*ret_len = scan->line;
		if (r != H1_NEED_MORE)
			return r;
	}
	r = size_check(scan, input.len, limits);
	return r == H1_PARSED ? H1_NEED_MORE : r;
}

/* ---- what both first lines have ---- */

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* "HTTP/" DIGIT "." DIGIT (RFC 9112 2.3), eight bytes. A higher minor is spoken to as 1.1 (RFC 9110
 * 2.5). */
static int version_read(const uint8_t *at, struct http_head *head)
{
	head->version_major = 1;
	head->version_minor = 1;
	if (memcmp(at, "HTTP/1.1", 8) == 0)
		return H1_PARSED;
	if (memcmp(at, "HTTP/", 5) != 0 || !is_digit(at[5]) || at[6] != '.' || !is_digit(at[7]))
		return H1_MALFORMED;
	head->version_minor = at[7] != '0';
	return at[5] == '1' ? H1_PARSED : H1_VERSION;
}

static bool lets_keep(const struct http_head *head, const struct h1_special *special)
{
	return !special->close && (head->version_minor > 0 || special->keep_alive);
}

/* ---- requests ---- */

/* Up to the space behind it; 0: it is none. */
static size_t method_len(struct span bytes)
{
	size_t n = 0;

	if (bytes.len >= 4 && memcmp(bytes.at, "GET ", 4) == 0)
		return 3;
	while (n < bytes.len && n <= HTTP_MAX_METHOD && http_char_is(bytes.at[n], HTTP_CHAR_TOKEN))
		n++;
	return n <= HTTP_MAX_METHOD && n < bytes.len && bytes.at[n] == ' ' ? n : 0;
}

/* method SP target SP version CRLF, one space each (RFC 9112 3); *bytes goes on behind it. */
static int request_line_read(struct span *bytes, struct http_head *head)
{
	size_t method = method_len(*bytes);
	size_t end = http_find_target_end(*bytes, method + 1);

	if (method == 0 || end == method + 1 || end == bytes->len || bytes->at[end] != ' ')
		return H1_MALFORMED;
	struct span rest = span_from(*bytes, end + 1);
	if (rest.len < 10 || rest.at[8] != '\r' || rest.at[9] != '\n')
		return H1_MALFORMED;
	int r = version_read(rest.at, head);
	if (r != H1_PARSED)
		return r;
	head->method_text = span_first(*bytes, method);
	head->target = span_of(bytes->at + method + 1, end - method - 1);
	*bytes = span_from(rest, 10);
	head->method = http_method_lookup(head->method_text);
	/* CONNECT is for tunnels, and this is none (RFC 9110 9.3.6); its authority-form is not
	 * looked at. */
	return head->method == HTTP_METHOD_CONNECT ? H1_METHOD_REFUSED : H1_PARSED;
}

/* Behind "http://authority": a path, a query, or nothing. */
static int absolute_rest(struct span rest, struct arena *arena, struct http_head *head)
{
	if (rest.len == 0) {
		/* RFC 9112 3.2.4: the asterisk of the server behind. */
		head->target = head->method == HTTP_METHOD_OPTIONS ? SPAN_LIT("*") : SPAN_LIT("/");
		return H1_PARSED;
	}
	head->target = rest;
	if (rest.at[0] == '/')
		return H1_PARSED;
	uint8_t *at = arena_take_bytes(arena, rest.len + 1);
	if (!at)
		return err_new(-ENOBUFS);
	at[0] = '/';
	memcpy(at + 1, rest.at, rest.len);
	head->target = span_of(at, rest.len + 1);
	return H1_PARSED;
}

static size_t scheme_len(struct span target)
{
	if (span_ieq(span_first(target, 7), SPAN_LIT("http://")))
		return 7;
	return span_ieq(span_first(target, 8), SPAN_LIT("https://")) ? 8 : 0;
}

/* RFC 9112 3.2.2. An authority that is not what Host says is refused: two readers could choose two
 * servers. */
static int absolute_form(struct http_head *head, const struct http_host *host, struct arena *arena)
{
	struct http_host target_host;
	size_t scheme = scheme_len(head->target);
	struct span rest = span_from(head->target, scheme);
	size_t end = 0;

	if (scheme == 0)
		return H1_MALFORMED;
	while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?')
		end++;
	int r = http_host_parse(span_first(rest, end), arena, &target_host);
	if (r != HTTP_HOST_OK)
		return r < 0 ? err_pass(r) : H1_MALFORMED;
	struct span scheme_text = span_first(head->target, scheme - 3);
	/* RFC 9110 7.4: what is asked for as https must have come so. */
	if (scheme == 8 && !span_ieq(head->scheme, SPAN_LIT("https")))
		return H1_MALFORMED;
	if (host->host.len && !http_host_same(host, &target_host, scheme_text))
		return H1_MALFORMED;
	if (!host->host.len) { /* HTTP/1.0 without Host */
		head->authority = target_host.authority;
		head->host = target_host.host;
	}
	return absolute_rest(span_from(rest, end), arena, head);
}

/* RFC 9112 3.2. */
static int target_read(struct http_head *head, const struct http_host *host, struct arena *arena)
{
	int r = H1_PARSED;

	if (span_eq(head->target, SPAN_LIT("*")))
		r = head->method == HTTP_METHOD_OPTIONS ? H1_PARSED : H1_MALFORMED;
	else if (head->target.at[0] != '/')
		r = absolute_form(head, host, arena);
	if (r != H1_PARSED)
		return r < 0 ? err_pass(r) : r;
	size_t mark = span_find(head->target, '?');
	head->path = span_first(head->target, mark);
	head->query = span_from(head->target, mark + 1);
	return H1_PARSED;
}

/* RFC 9112 3.2: one Host, not more, not less; in HTTP/1.0 there may be none. */
static int host_read(const struct h1_special *special, struct arena *arena, struct http_head *head,
		     struct http_host *ret_host)
{
	*ret_host = (struct http_host){ 0 };
	if (special->n_hosts == 0)
		return head->version_minor == 0 ? H1_PARSED : H1_MALFORMED;
	if (special->n_hosts > 1)
		return H1_MALFORMED;
	int r = http_host_parse(special->host, arena, ret_host);
	if (r != HTTP_HOST_OK)
		return r < 0 ? err_pass(r) : H1_MALFORMED;
	head->authority = ret_host->authority;
	head->host = ret_host->host;
	return H1_PARSED;
}

/* RFC 9110 10.1.1. */
static int expect_read(const struct h1_special *special, struct http_head *head)
{
	if (special->expects_else)
		return H1_EXPECTATION;
	head->expects_continue = special->expects_continue && head->version_minor > 0 &&
				 head->body != HTTP_BODY_NONE;
	return H1_PARSED;
}

static int request_read(struct span bytes, const struct h1_limits *limits, struct arena *arena,
			struct http_head *head, struct h1_parsed *parsed)
{
	struct h1_special special;
	struct http_host host;

	int r = request_line_read(&bytes, head);
	if (r == H1_PARSED)
		r = h1_fields_read(bytes, limits, head, &special);
	if (r == H1_PARSED)
		r = host_read(&special, arena, head, &host);
	if (r == H1_PARSED)
		r = target_read(head, &host, arena);
	if (r == H1_PARSED)
		r = h1_framing_read(&special, head, &parsed->chunked);
	if (r == H1_PARSED)
		r = expect_read(&special, head);
	if (r != H1_PARSED)
		return r < 0 ? err_pass(r) : r;
	parsed->keep_alive = lets_keep(head, &special);
	head->takes_trailers = special.takes_trailers && head->version_minor > 0;
	if (special.names_upgrade && head->version_minor > 0)
		head->upgrade = special.upgrade;
	return H1_PARSED;
}

int h1_parse_request(struct span bytes, struct span scheme, const struct h1_limits *limits,
		     struct arena *arena, struct http_head *head, struct h1_parsed *parsed)
{
	int r = http_head_init(head, arena);

	if (r < 0)
		return err_pass(r);
	head->scheme = scheme;
	r = request_read(bytes, limits, arena, head, parsed);
	return r < 0 ? err_pass(r) : r;
}

/* ---- responses ---- */

/* version SP 3DIGIT [SP [reason]] CRLF (RFC 9112 4): the second space is due, but so many servers
 * leave it out with the reason that everybody takes it. Statuses outside 100 to 599 are invalid
 * (RFC 9110 15). *bytes goes on behind it. */
static int status_line_read(struct span *bytes, struct http_head *head)
{
	size_t end = http_find_control(*bytes, 0);
	struct span line = span_first(*bytes, end);

	if (bytes->len - end < 2 || bytes->at[end] != '\r' || bytes->at[end + 1] != '\n')
		return H1_MALFORMED;
	if (line.len < 12 || line.at[8] != ' ' || !is_digit(line.at[9]) || !is_digit(line.at[10]) ||
	    !is_digit(line.at[11]) || (line.len > 12 && line.at[12] != ' '))
		return H1_MALFORMED;
	head->status = (uint16_t)((line.at[9] - '0') * 100 + (line.at[10] - '0') * 10 +
				  (line.at[11] - '0'));
	head->reason = span_from(line, 13);
	if (head->status < 100 || head->status > 599)
		return H1_MALFORMED;
	*bytes = span_from(*bytes, end + 2);
	return version_read(line.at, head) == H1_PARSED ? H1_PARSED : H1_MALFORMED;
}

/* RFC 9112 6.3: what is not chunked in the end lasts until the close, and nothing can follow it
 * that would be read wrongly. A word that nobody knows is taken for no coding at all. What we know
 * and do not undo would reach the client undone, and unsaid; what looks like chunked was meant to.
 */
static bool is_unknown_coding(const struct h1_special *special)
{
	static const char *const known[] = { "gzip", "x-gzip", "compress", "x-compress",
					     "deflate" };
	const struct span chunked = SPAN_LIT("chunked");
	struct span coding = special->coding;

	if (special->n_codings != 1 || special->n_lengths || !http_is_token(coding))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (span_ieq(coding, span_str(known[i])))
			return false;
	}
	for (size_t i = 0; i + chunked.len <= coding.len; i++) {
		if (span_ieq(span_first(span_from(coding, i), chunked.len), chunked))
			return false;
	}
	return true;
}

/* RFC 9112 6.3. Anything wrong with the framing is refused before it is known whether it would have
 * been used. */
static int response_body(const struct h1_special *special, enum http_method method,
			 struct http_head *head, struct h1_parsed *parsed)
{
	bool until_close = is_unknown_coding(special);
	int r = until_close ? H1_PARSED : h1_framing_read(special, head, &parsed->chunked);
	bool said_body = until_close || head->body != HTTP_BODY_NONE;

	if (r != H1_PARSED)
		return H1_MALFORMED;
	/* A body that 1xx and 204 cannot have (RFC 9112 6.1, RFC 9110 8.6): who says so may send
	 * it, and that would be read as the next response. */
	if (head->status < 200 && said_body)
		return H1_MALFORMED;
	parsed->keep_alive &= !until_close && !(head->status == 204 && said_body);
	if (!http_status_has_body(head->status) || method == HTTP_METHOD_HEAD) {
		head->body = HTTP_BODY_NONE;
		parsed->chunked = false;
		head->has_length &= head->status >= 200 && head->status != 204;
	} else if (!parsed->chunked && !head->has_length) {
		head->body = HTTP_BODY_UNTIL_CLOSE;
		parsed->keep_alive = false;
	}
	return H1_PARSED;
}

static int response_read(struct span bytes, enum http_method method, const struct h1_limits *limits,
			 struct http_head *head, struct h1_parsed *parsed)
{
	struct h1_special special;

	int r = status_line_read(&bytes, head);
	if (r == H1_PARSED)
		r = h1_fields_read(bytes, limits, head, &special);
	if (r != H1_PARSED)
		return r < 0 ? err_pass(r) : r;
	parsed->keep_alive = lets_keep(head, &special);
	r = response_body(&special, method, head, parsed);
	if (r != H1_PARSED)
		return r;
	if (head->status == 101 && special.names_upgrade)
		head->upgrade = special.upgrade;
	return H1_PARSED;
}

int h1_parse_response(struct span bytes, enum http_method method, const struct h1_limits *limits,
		      struct arena *arena, struct http_head *head, struct h1_parsed *parsed)
{
	int r = http_head_init(head, arena);

	if (r < 0)
		return err_pass(r);
	r = response_read(bytes, method, limits, head, parsed);
	return r < 0 ? err_pass(r) : r;
}

enum close_reason h1_outcome_reason(enum h1_outcome outcome)
{
	switch (outcome) {
	case H1_URI_LONG:
		return REASON_CLIENT_URI_LONG;
	case H1_HEAD_LARGE:
		return REASON_CLIENT_HEAD_LARGE;
	case H1_VERSION:
		return REASON_CLIENT_VERSION;
	case H1_METHOD_REFUSED:
		return REASON_METHOD_REFUSED;
	case H1_CODING_UNKNOWN:
		return REASON_CODING_UNKNOWN;
	case H1_EXPECTATION:
		return REASON_EXPECTATION_UNKNOWN;
	case H1_MALFORMED:
		return REASON_CLIENT_MALFORMED;
	case H1_PARSED:
	case H1_NEED_MORE:
		break;
	}
	UNREACHABLE();
}
