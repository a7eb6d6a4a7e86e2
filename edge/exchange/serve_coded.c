/* SPDX-License-Identifier: Apache-2.0
 *
 * serve_coded: the compressed form of a stored body, for who takes it. It is another representation
 * (RFC 9110 8.4): its ETag is weak, and what answers varies by Accept-Encoding, for all.
 */
#include "core/error.h"
#include "edge/cache/coder.h"
#include "edge/exchange/serve.h"

static bool varies_by_coding(const struct http_head *head)
{
	for (uint16_t i = 0; i < head->n_fields; i++) {
		if (head->fields[i].id == HTTP_NAME_VARY &&
		    cache_control_names(head->fields[i].value, SPAN_LIT("Accept-Encoding")))
			return true;
	}
	return false;
}

/* "x" becomes W/"x": equal in meaning, not in bytes. */
static int etag_weaken(struct http_head *head, struct arena *arena)
{
	const struct http_field *etag = http_head_find(head, HTTP_NAME_ETAG);

	if (!etag || span_starts(etag->value, SPAN_LIT("W/")))
		return 0;
	const char *weak = arena_printf(arena, "W/%.*s", SPAN_FMT(etag->value));
	return weak ? err_pass(http_head_set(head, HTTP_NAME_ETAG, span_str(weak)))
		    : err_new(-ENOBUFS);
}

/* Parts are parts of the bytes as they were stored. */
static bool may_code(const struct exchange *x, const struct cache_object *object)
{
	return cache_object_body(object) == CACHE_BODY_WHOLE && !object->trailers &&
	       object->length >= cache_rules_conf(x->lookup->rules)->compress_min_bytes &&
	       !http_head_find(x->request, HTTP_NAME_RANGE);
}

int serve_code(struct exchange *x, struct http_head *head)
{
	struct cache_reader *reader = &x->lookup->reader;
	struct cache_object *object = reader->object;
	enum cache_coding coding;
	int r = 0;

	if (!object->codable)
		return 0;
	if (!varies_by_coding(head))
		r = http_head_add(head, HTTP_NAME_VARY, SPAN_LIT("Accept-Encoding"));
	if (r < 0 || !may_code(x, object) ||
	    !cache_rules_coding(x->lookup->rules, x->request, &coding))
		return err_pass(r);
	struct cache_coded *coded =
		cache_coded_get(cache_rules_store(x->lookup->rules), object, coding);
	if (!coded)
		return 0;
	cache_reader_set_coded(reader, coded);
	head->has_length = true;
	head->body_length = coded->length;
	if (head->body != HTTP_BODY_NONE)
		head->body = HTTP_BODY_LENGTH;
	r = http_head_add_other(head, SPAN_LIT("Content-Encoding"), cache_coding_name(coding));
	return r < 0 ? err_pass(r) : err_pass(etag_weaken(head, x->arena));
}
