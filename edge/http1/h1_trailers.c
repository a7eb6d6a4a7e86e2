/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_trailers: h1_body has seen that the lines are lines; what they say is read like a head's
 * fields, and framing, routing and authentication that come behind the body are not believed.
 */
#include "edge/http1/h1_trailers.h"

#include "core/error.h"
#include "core/obj.h"
#include "edge/http/field_rules.h"
#include "edge/http1/h1_fields.h"

static void barred_drop(struct http_head *head)
{
	uint16_t n = 0;

	for (uint16_t i = 0; i < head->n_fields; i++) {
		const struct http_field field = head->fields[i];
		if (!http_field_is_barred_from_trailers(field.id, field.name))
			head->fields[n++] = field;
	}
	head->n_fields = n;
}

/* The section with the empty line that h1_fields_read() waits for. */
static struct span section_copy(const struct block *block, struct arena *arena)
{
	uint8_t *at = arena_take_bytes(arena, block->len + 2u);

	if (!at)
		return SPAN_NONE;
	memcpy(at, block->bytes, block->len);
	at[block->len] = '\r';
	at[block->len + 1] = '\n';
	return span_of(at, block->len + 2u);
}

static int section_read(const struct block *block, struct arena *arena,
			const struct http_head **ret_trailers)
{
	const struct h1_limits limits = { BLOCK_BYTES, BLOCK_BYTES, HTTP_MAX_FIELDS };
	struct span bytes = section_copy(block, arena);
	struct http_head *head = ARENA_NEW(arena, struct http_head);
	struct h1_special special;

	int r = bytes.at && head ? http_head_init(head, arena) : err_new(-ENOBUFS);
	if (r == 0)
		r = h1_fields_read(bytes, &limits, head, &special);
	if (r < 0)
		return err_pass(r);
	if (r != H1_PARSED)
		return H1_MALFORMED;
	barred_drop(head);
	*ret_trailers = head->n_fields ? head : NULL;
	return H1_PARSED;
}

int h1_trailers_take(struct h1_in *in, struct arena *arena, const struct http_head **ret_trailers)
{
	struct block *block = TAKE(in->trailers);

	*ret_trailers = NULL;
	if (!block)
		return H1_PARSED;
	int r = section_read(block, arena, ret_trailers);
	block_unref(block);
	return r < 0 ? err_pass(r) : r;
}
