/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_write: framing on the way out (RFC 9112 6.2, 6.3; RFC 9110 8.6). The fields are written as
 * they stand: message.h says what cannot be among them.
 */
#include "edge/http1/h1_write.h"

#include "core/must.h"

static void text(struct h1_out *out, const char *words)
{
	h1_out_text(out, span_str(words));
}

static void length_write(struct h1_out *out, uint64_t length)
{
	text(out, "Content-Length: ");
	h1_out_number(out, length);
	text(out, "\r\n");
}

/* The body that follows, as said by its framing. */
static void framing_write(struct h1_out *out, enum http_body framing, uint64_t length)
{
	out->framing = framing;
	out->length_left = 0;
	if (framing == HTTP_BODY_LENGTH) {
		out->length_left = length;
		length_write(out, length);
	} else if (framing == HTTP_BODY_STREAM) {
		text(out, "Transfer-Encoding: chunked\r\n");
	}
}

/* RFC 9110 8.6: what gives a meaning to content says that it has none. */
static bool expects_content(const struct http_head *head)
{
	return head->has_length || head->method == HTTP_METHOD_POST ||
	       head->method == HTTP_METHOD_PUT || head->method == HTTP_METHOD_PATCH;
}

/* What is said to the next hop alone (RFC 9110 7.6.1). */
static void hop_write(struct h1_out *out, const struct http_head *head)
{
	if (head->takes_trailers)
		text(out, "TE: trailers\r\n");
	if (head->upgrade.len) {
		text(out, "Upgrade: ");
		h1_out_text(out, head->upgrade);
		text(out, head->takes_trailers ? "\r\nConnection: Upgrade, TE\r\n"
					       : "\r\nConnection: Upgrade\r\n");
	} else if (head->takes_trailers) {
		text(out, "Connection: TE\r\n");
	}
}

void h1_write_request(struct h1_out *out, const struct http_head *head, bool end)
{
	struct span method = head->method == HTTP_METHOD_OTHER ? head->method_text
							       : http_method_text(head->method);

	MUST(head->body != HTTP_BODY_UNTIL_CLOSE);
	out->ended = false;
	h1_out_text(out, method);
	text(out, " ");
	h1_out_text(out, head->target);
	text(out, " HTTP/1.1\r\nHost: ");
	h1_out_text(out, head->authority);
	text(out, "\r\n");
	h1_out_fields(out, head);
	hop_write(out, head);
	if (!end) {
		framing_write(out,
			      head->body == HTTP_BODY_LENGTH ? HTTP_BODY_LENGTH : HTTP_BODY_STREAM,
			      head->body_length);
	} else {
		framing_write(out, HTTP_BODY_NONE, 0);
		if (expects_content(head))
			length_write(out, 0);
		out->ended = true;
	}
	text(out, "\r\n");
}

static void status_line_write(struct h1_out *out, unsigned status, struct span reason)
{
	text(out, "HTTP/1.1 ");
	h1_out_number(out, status);
	text(out, " ");
	h1_out_text(out, reason.len ? reason : http_status_reason(status));
	text(out, "\r\n");
}

static enum http_body response_framing(const struct http_head *head, bool end,
				       const struct h1_answer *answer)
{
	if (end || answer->method == HTTP_METHOD_HEAD || !http_status_has_body(head->status))
		return HTTP_BODY_NONE;
	if (head->body == HTTP_BODY_LENGTH)
		return HTTP_BODY_LENGTH;
	return answer->version_minor > 0 ? HTTP_BODY_STREAM : HTTP_BODY_UNTIL_CLOSE;
}

/* Of a response without a body: a length where the client would else wait for one, and for HEAD and
 * 304 what was said. */
static void absence_write(struct h1_out *out, const struct http_head *head,
			  const struct h1_answer *answer)
{
	bool instead = answer->method == HTTP_METHOD_HEAD || head->status == 304;

	if (instead && (head->has_length || head->body == HTTP_BODY_LENGTH))
		length_write(out, head->body_length);
	else if (!instead && http_status_has_body(head->status))
		length_write(out, 0);
}

bool h1_write_response(struct h1_out *out, const struct http_head *head, bool end,
		       const struct h1_answer *answer)
{
	enum http_body framing = response_framing(head, end, answer);
	bool keep = answer->keep && framing != HTTP_BODY_UNTIL_CLOSE;

	MUST(head->status >= 200 && head->status <= 599);
	out->ended = false;
	status_line_write(out, head->status, head->reason);
	h1_out_fields(out, head);
	if (answer->date.len && !http_head_find(head, HTTP_NAME_DATE)) {
		text(out, "Date: ");
		h1_out_text(out, answer->date);
		text(out, "\r\n");
	}
	framing_write(out, framing, head->body_length);
	if (framing == HTTP_BODY_NONE)
		absence_write(out, head, answer);
	if (!keep)
		text(out, "Connection: close\r\n");
	else if (answer->version_minor == 0)
		text(out, "Connection: keep-alive\r\n");
	text(out, "\r\n");
	out->ended = end;
	return keep;
}

void h1_write_tunnel(struct h1_out *out, const struct http_head *head)
{
	MUST(head->status == 101 && head->upgrade.len);
	status_line_write(out, head->status, head->reason);
	h1_out_fields(out, head);
	text(out, "Upgrade: ");
	h1_out_text(out, head->upgrade);
	text(out, "\r\nConnection: Upgrade\r\n\r\n");
	out->framing = HTTP_BODY_TUNNEL;
	out->ended = false;
}

void h1_write_interim(struct h1_out *out, const struct http_head *head)
{
	MUST(head->status >= 100 && head->status <= 199 && head->status != 101);
	status_line_write(out, head->status, head->reason);
	h1_out_fields(out, head);
	text(out, "\r\n");
}

void h1_write_refusal(struct h1_out *out, unsigned status, bool to_head, struct span date)
{
	struct span reason = http_status_reason(status);

	status_line_write(out, status, reason);
	text(out, "Date: ");
	h1_out_text(out, date);
	text(out, "\r\nContent-Type: text/plain\r\n");
	length_write(out, 4 + reason.len + 1);
	if (status == 405) /* RFC 9110 15.5.6 wants them said */
		text(out, "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, TRACE\r\n");
	text(out, "Connection: close\r\n\r\n");
	out->framing = HTTP_BODY_NONE;
	out->ended = true;
	if (to_head)
		return;
	h1_out_number(out, status);
	text(out, " ");
	h1_out_text(out, reason);
	text(out, "\n");
}
