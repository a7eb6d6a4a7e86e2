/* SPDX-License-Identifier: Apache-2.0
 *
 * freshen: field by field.
 */
#include "edge/cache/freshen.h"

#include "core/error.h"

/* Of a 304 these say nothing of the stored response (RFC 9111 3.2). */
static bool updates(const struct http_field *field)
{
	switch ((unsigned)field->id) {
	case HTTP_NAME_CONTENT_RANGE:
	case HTTP_NAME_CONTENT_TYPE:
	case HTTP_NAME_ETAG:
	case HTTP_NAME_VIA:
		return false;
	default:
		return !span_ieq(field->name, SPAN_LIT("Content-Encoding"));
	}
}

static bool has_update(const struct http_head *head, struct span name)
{
	for (uint16_t i = 0; i < head->n_fields; i++) {
		if (updates(&head->fields[i]) && span_ieq(head->fields[i].name, name))
			return true;
	}
	return false;
}

int freshen_head(const struct http_head *stored, const struct http_head *news, struct arena *arena,
		 struct http_head *ret_head)
{
	int r = http_head_init(ret_head, arena);

	ret_head->status = stored->status;
	for (uint16_t i = 0; r == 0 && i < stored->n_fields; i++) {
		if (!has_update(news, stored->fields[i].name))
			r = http_head_add_found(ret_head, stored->fields[i]);
	}
	for (uint16_t i = 0; r == 0 && i < news->n_fields; i++) {
		if (updates(&news->fields[i]))
			r = http_head_add_found(ret_head, news->fields[i]);
	}
	return err_pass(r);
}

bool freshen_is_of(const struct http_head *news, const struct http_head *stored)
{
	const struct http_field *theirs = http_head_find(news, HTTP_NAME_ETAG);
	const struct http_field *ours = http_head_find(stored, HTTP_NAME_ETAG);

	return !theirs || span_starts(theirs->value, SPAN_LIT("W/")) ||
	       (ours && span_eq(theirs->value, ours->value));
}
