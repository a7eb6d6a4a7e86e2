/* SPDX-License-Identifier: Apache-2.0
 *
 * packed: numbers stand unaligned, as the text between them has any length.
 */
#include "edge/cache/packed.h"

#include "core/error.h"
#include "edge/http/http_char.h"

struct prefix {
	uint16_t id;
	uint16_t name_len;
	uint32_t value_len;
};

size_t packed_size(const struct http_head *head)
{
	size_t size = 0;

	for (uint16_t i = 0; i < head->n_fields; i++)
		size += sizeof(struct prefix) + head->fields[i].name.len +
			head->fields[i].value.len;
	return size;
}

static uint8_t *bytes_write(uint8_t *at, struct span bytes)
{
	if (bytes.len)
		memcpy(at, bytes.at, bytes.len);
	return at + bytes.len;
}

void packed_write(const struct http_head *head, uint8_t *at)
{
	for (uint16_t i = 0; i < head->n_fields; i++) {
		const struct http_field *field = &head->fields[i];
		const struct prefix prefix = { field->id, (uint16_t)field->name.len,
					       (uint32_t)field->value.len };
		memcpy(at, &prefix, sizeof(prefix));
		at = bytes_write(at + sizeof(prefix), field->name);
		at = bytes_write(at, field->value);
	}
}

/* The next field. False: it is no run of ours. */
static bool field_cut(struct span *run, struct http_field *ret_field)
{
	struct prefix prefix;

	if (run->len < sizeof(prefix))
		return false;
	memcpy(&prefix, run->at, sizeof(prefix));
	*run = span_from(*run, sizeof(prefix));
	if (prefix.id >= HTTP_N_NAMES || prefix.name_len > run->len ||
	    prefix.value_len > run->len - prefix.name_len)
		return false;
	*ret_field = (struct http_field){
		.name = span_first(*run, prefix.name_len),
		.value = span_first(span_from(*run, prefix.name_len), prefix.value_len),
		.id = prefix.id,
	};
	*run = span_from(*run, (size_t)prefix.name_len + prefix.value_len);
	return true;
}

int packed_read(struct span run, struct http_head *head)
{
	while (run.len) {
		struct http_field field;
		if (!field_cut(&run, &field))
			return err_new(-EBADMSG);
		int r = http_head_add_found(head, field);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

/* Such as a parser leaves it (edge/http/message.h). */
static bool is_normal(const struct http_field *field)
{
	return http_is_token(field->name) && http_all(field->value, HTTP_CHAR_VALUE) &&
	       http_name_lookup(field->name) == (enum http_name)field->id;
}

bool packed_is_sound(struct span run)
{
	while (run.len) {
		struct http_field field;
		if (!field_cut(&run, &field) || !is_normal(&field))
			return false;
	}
	return true;
}
