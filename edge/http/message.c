/* SPDX-License-Identifier: Apache-2.0
 *
 * message: the fields of a head, and the words of HTTP that have a number: names, methods,
 * statuses.
 */
#include "edge/http/message.h"

#include "core/error.h"
#include "core/obj.h"

#pragma GCC diagnostic ignored "-Woverride-init" /* last_of_length: the last of each is meant */

/* Enough for what browsers and common servers send; more grows in the arena. */
enum { USUAL_FIELDS = 24 };

struct word {
	const char *text;
	uint8_t len;
};
#define WORD(literal)                                                                              \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}

/* clang-format off */
static const struct word names[HTTP_N_NAMES] = {
	[HTTP_NAME_OTHER] = WORD(""),
#define X(ID, text) [HTTP_NAME_##ID] = WORD(text),
#include "edge/http/names.def"
#undef X
};

/* names.def is in the order of lengths. BEFORE_ is one more than the length before it, as an
 * enumerator without a value is. */
enum {
	LENGTH_NONE,
#define X(ID, text) BEFORE_##ID, LENGTH_##ID = sizeof(text) - 1,
#include "edge/http/names.def"
#undef X
};
#define X(ID, text)                                                                                \
	_Static_assert((int)LENGTH_##ID >= (int)BEFORE_##ID - 1, "names.def: not in the order of lengths: " text);
#include "edge/http/names.def"
#undef X

/* Of the names of each length the last; and what each begins with. */
static const uint8_t last_of_length[32] = {
#define X(ID, text) [sizeof(text) - 1] = HTTP_NAME_##ID,
#include "edge/http/names.def"
#undef X
};
static const uint8_t initials[HTTP_N_NAMES] = {
#define X(ID, text) [HTTP_NAME_##ID] = (text)[0],
#include "edge/http/names.def"
#undef X
};

static const struct word methods[] = {
	[HTTP_METHOD_OTHER]   = WORD(""),
	[HTTP_METHOD_GET]     = WORD("GET"),
	[HTTP_METHOD_HEAD]    = WORD("HEAD"),
	[HTTP_METHOD_POST]    = WORD("POST"),
	[HTTP_METHOD_PUT]     = WORD("PUT"),
	[HTTP_METHOD_DELETE]  = WORD("DELETE"),
	[HTTP_METHOD_OPTIONS] = WORD("OPTIONS"),
	[HTTP_METHOD_PATCH]   = WORD("PATCH"),
	[HTTP_METHOD_TRACE]   = WORD("TRACE"),
	[HTTP_METHOD_CONNECT] = WORD("CONNECT"),
};

/* The registry of RFC 9110 16.2.1, as far as it is in use. */
static const struct word reasons[512] = {
	[100] = WORD("Continue"),
	[101] = WORD("Switching Protocols"),
	[102] = WORD("Processing"),
	[103] = WORD("Early Hints"),
	[200] = WORD("OK"),
	[201] = WORD("Created"),
	[202] = WORD("Accepted"),
	[203] = WORD("Non-Authoritative Information"),
	[204] = WORD("No Content"),
	[205] = WORD("Reset Content"),
	[206] = WORD("Partial Content"),
	[207] = WORD("Multi-Status"),
	[208] = WORD("Already Reported"),
	[226] = WORD("IM Used"),
	[300] = WORD("Multiple Choices"),
	[301] = WORD("Moved Permanently"),
	[302] = WORD("Found"),
	[303] = WORD("See Other"),
	[304] = WORD("Not Modified"),
	[305] = WORD("Use Proxy"),
	[307] = WORD("Temporary Redirect"),
	[308] = WORD("Permanent Redirect"),
	[400] = WORD("Bad Request"),
	[401] = WORD("Unauthorized"),
	[402] = WORD("Payment Required"),
	[403] = WORD("Forbidden"),
	[404] = WORD("Not Found"),
	[405] = WORD("Method Not Allowed"),
	[406] = WORD("Not Acceptable"),
	[407] = WORD("Proxy Authentication Required"),
	[408] = WORD("Request Timeout"),
	[409] = WORD("Conflict"),
	[410] = WORD("Gone"),
	[411] = WORD("Length Required"),
	[412] = WORD("Precondition Failed"),
	[413] = WORD("Content Too Large"),
	[414] = WORD("URI Too Long"),
	[415] = WORD("Unsupported Media Type"),
	[416] = WORD("Range Not Satisfiable"),
	[417] = WORD("Expectation Failed"),
	[421] = WORD("Misdirected Request"),
	[422] = WORD("Unprocessable Content"),
	[423] = WORD("Locked"),
	[424] = WORD("Failed Dependency"),
	[425] = WORD("Too Early"),
	[426] = WORD("Upgrade Required"),
	[428] = WORD("Precondition Required"),
	[429] = WORD("Too Many Requests"),
	[431] = WORD("Request Header Fields Too Large"),
	[451] = WORD("Unavailable For Legal Reasons"),
	[500] = WORD("Internal Server Error"),
	[501] = WORD("Not Implemented"),
	[502] = WORD("Bad Gateway"),
	[503] = WORD("Service Unavailable"),
	[504] = WORD("Gateway Timeout"),
	[505] = WORD("HTTP Version Not Supported"),
	[506] = WORD("Variant Also Negotiates"),
	[507] = WORD("Insufficient Storage"),
	[508] = WORD("Loop Detected"),
	[511] = WORD("Network Authentication Required"),
};
/* clang-format on */

static struct span word_span(const struct word *word)
{
	return span_of(word->text, word->len);
}

int http_head_init(struct http_head *head, struct arena *arena)
{
	struct http_field *fields = arena_take(arena, USUAL_FIELDS * sizeof(*fields));

	if (!fields)
		return err_new(-ENOBUFS);
	*head = (struct http_head){ .arena = arena, .fields = fields, .max_fields = USUAL_FIELDS };
	return 0;
}

/* Cleared when there is no room, which the caller looks for once. */
static void text_copy(struct span *text, struct arena *arena, bool *failed)
{
	if (text->len == 0)
		return;
	*text = arena_copy(arena, *text);
	*failed |= !text->at;
}

int http_head_copy(const struct http_head *head, struct arena *arena, struct http_head *ret_head)
{
	size_t n_max = MIN((size_t)head->n_fields + 8, HTTP_MAX_FIELDS);
	struct http_field *fields = arena_take(arena, n_max * sizeof(*fields));
	bool failed = false;

	if (!fields)
		return err_new(-ENOBUFS);
	*ret_head = *head;
	ret_head->arena = arena;
	ret_head->fields = fields;
	ret_head->max_fields = (uint16_t)n_max;
	struct span *const texts[] = { &ret_head->method_text, &ret_head->scheme,
				       &ret_head->authority,   &ret_head->host,
				       &ret_head->target,      &ret_head->path,
				       &ret_head->query,       &ret_head->upgrade,
				       &ret_head->reason };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		text_copy(texts[i], arena, &failed);
	for (uint16_t i = 0; i < head->n_fields; i++) {
		fields[i] = head->fields[i];
		text_copy(&fields[i].name, arena, &failed);
		text_copy(&fields[i].value, arena, &failed);
	}
	return failed ? err_new(-ENOBUFS) : 0;
}

const struct http_field *http_head_find(const struct http_head *head, enum http_name id)
{
	MUST(id != HTTP_NAME_OTHER);
	for (size_t i = 0; i < head->n_fields; i++) {
		if (head->fields[i].id == id)
			return &head->fields[i];
	}
	return NULL;
}

static int head_grow(struct http_head *head)
{
	uint16_t room = (uint16_t)MIN(2 * head->max_fields, (int)HTTP_MAX_FIELDS);

	if (room <= head->n_fields)
		return err_new(-ENOBUFS);
	struct http_field *fields = arena_take(head->arena, room * sizeof(*fields));
	if (!fields)
		return err_new(-ENOBUFS);
	memcpy(fields, head->fields, head->n_fields * sizeof(*fields));
	head->fields = fields;
	head->max_fields = room;
	return 0;
}

int http_head_add_slowly(struct http_head *head, struct http_field field)
{
	int r = head_grow(head);

	if (r < 0)
		return err_pass(r);
	head->fields[head->n_fields++] = field;
	return 0;
}

int http_head_add(struct http_head *head, enum http_name id, struct span value)
{
	MUST(id != HTTP_NAME_OTHER);
	return http_head_add_found(head,
				   (struct http_field){ http_name_text(id), value, (uint16_t)id });
}

int http_head_add_other(struct http_head *head, struct span name, struct span value)
{
	uint16_t id = (uint16_t)http_name_lookup(name);

	return http_head_add_found(head, (struct http_field){ name, value, id });
}

/* Removes those of `id`, or of `name` when id is HTTP_NAME_OTHER. */
static void head_remove(struct http_head *head, enum http_name id, struct span name)
{
	size_t n = 0;

	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];
		bool goes =
			field->id == id && (id != HTTP_NAME_OTHER || span_ieq(field->name, name));
		if (!goes)
			head->fields[n++] = *field;
	}
	head->n_fields = (uint16_t)n;
}

void http_head_remove(struct http_head *head, enum http_name id)
{
	MUST(id != HTTP_NAME_OTHER);
	head_remove(head, id, SPAN_NONE);
}

void http_head_remove_other(struct http_head *head, struct span name)
{
	head_remove(head, http_name_lookup(name), name);
}

int http_head_set(struct http_head *head, enum http_name id, struct span value)
{
	http_head_remove(head, id);
	return http_head_add(head, id, value);
}

/* Whether bytes of a name differ from those of a known one by more than the case of letters. Known
 * names hold letters, digits and '-': of these only letters have the bit 0x40. */
static uint64_t differ(uint64_t bytes, uint64_t known)
{
	return (bytes ^ known) & ~((known & UINT64_C(0x4040404040404040)) >> 1);
}

static uint64_t eight_at(const void *at)
{
	uint64_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

static uint32_t four_at(const void *at)
{
	uint32_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

/* Both of `len` bytes. Words of eight, the last of them overlapping. */
static bool name_is(const uint8_t *name, const char *known, size_t len)
{
	uint64_t found = 0;

	if (len >= 8) {
		for (size_t i = 0; i < len - 8; i += 8)
			found |= differ(eight_at(name + i), eight_at(known + i));
		return (found | differ(eight_at(name + len - 8), eight_at(known + len - 8))) == 0;
	}
	if (len >= 4) {
		found = differ(four_at(name), four_at(known));
		return (found | differ(four_at(name + len - 4), four_at(known + len - 4))) == 0;
	}
	for (size_t i = 0; i < len; i++)
		found |= differ(name[i], (uint8_t)known[i]);
	return found == 0;
}

enum http_name http_name_lookup(struct span name)
{
	if (name.len >= ARRAY_LEN(last_of_length))
		return HTTP_NAME_OTHER;
	unsigned id = last_of_length[name.len];
	if (id == HTTP_NAME_OTHER)
		return HTTP_NAME_OTHER;
	for (; names[id].len == name.len; id--) { /* the empty word stands before the first */
		if (((initials[id] ^ name.at[0]) & ~0x20) == 0 &&
		    name_is(name.at, names[id].text, name.len))
			return (enum http_name)id;
	}
	return HTTP_NAME_OTHER;
}

struct span http_name_text(enum http_name id)
{
	MUST(id < HTTP_N_NAMES);
	return word_span(&names[id]);
}

enum http_method http_method_lookup(struct span text)
{
	for (size_t i = 1; i < ARRAY_LEN(methods); i++) {
		if (text.len == methods[i].len && text.at[0] == (uint8_t)methods[i].text[0] &&
		    span_eq(word_span(&methods[i]), text))
			return (enum http_method)i;
	}
	return HTTP_METHOD_OTHER;
}

struct span http_method_text(enum http_method method)
{
	MUST(method < ARRAY_LEN(methods));
	return word_span(&methods[method]);
}

struct span http_status_reason(unsigned status)
{
	if (status >= ARRAY_LEN(reasons) || !reasons[status].text)
		return span_of("", 0);
	return word_span(&reasons[status]);
}

/* RFC 9110 9.2.1. */
bool http_method_is_safe(enum http_method method)
{
	return method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD ||
	       method == HTTP_METHOD_OPTIONS || method == HTTP_METHOD_TRACE;
}

/* RFC 9110 9.2.2. */
bool http_method_is_idempotent(enum http_method method)
{
	return http_method_is_safe(method) || method == HTTP_METHOD_PUT ||
	       method == HTTP_METHOD_DELETE;
}

/* RFC 9110 6.4.1. */
bool http_status_has_body(unsigned status)
{
	return status >= 200 && status != 204 && status != 304;
}
