/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_frame: reading and writing frames.
 */
#include "edge/http2/h2_frame.h"

#include "core/obj.h"

uint32_t h2_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void h2_u32_put(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

struct h2_header h2_header_read(struct span bytes)
{
	const uint8_t *at = bytes.at;

	MUST(bytes.len >= H2_HEADER_BYTES);
	return (struct h2_header){
		.length = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2],
		.type = at[3],
		.flags = at[4],
		.stream_id = h2_u32(at + 5) & H2_STREAM_MAX,
	};
}

void h2_header_put(uint8_t at[H2_HEADER_BYTES], const struct h2_header *header)
{
	at[0] = (uint8_t)(header->length >> 16);
	at[1] = (uint8_t)(header->length >> 8);
	at[2] = (uint8_t)header->length;
	at[3] = header->type;
	at[4] = header->flags;
	h2_u32_put(at + 5, header->stream_id);
}

/* What each type's length and stream must be. */
struct shape {
	uint32_t min, max, multiple;
	enum { ON_STREAM, ON_CONNECTION, ON_EITHER } on;
};

/* clang-format off */
static const struct shape shapes[] = {
	[H2_DATA]            = { 0, H2_FRAME_MAX_BYTES, 1, ON_STREAM },
	[H2_HEADERS]         = { 0, H2_FRAME_MAX_BYTES, 1, ON_STREAM },
	[H2_PRIORITY]        = { 5, 5,                  1, ON_STREAM },
	[H2_RST_STREAM]      = { 4, 4,                  1, ON_STREAM },
	[H2_SETTINGS]        = { 0, H2_FRAME_MAX_BYTES, 6, ON_CONNECTION },
	[H2_PUSH_PROMISE]    = { 4, H2_FRAME_MAX_BYTES, 1, ON_STREAM },
	[H2_PING]            = { 8, 8,                  1, ON_CONNECTION },
	[H2_GOAWAY]          = { 8, H2_FRAME_MAX_BYTES, 1, ON_CONNECTION },
	[H2_WINDOW_UPDATE]   = { 4, 4,                  1, ON_EITHER },
	[H2_CONTINUATION]    = { 0, H2_FRAME_MAX_BYTES, 1, ON_STREAM },
	[H2_PRIORITY_UPDATE] = { 4, H2_FRAME_MAX_BYTES, 1, ON_CONNECTION },
};
/* clang-format on */

enum h2_error h2_header_check(const struct h2_header *header)
{
	if (header->length > H2_FRAME_MAX_BYTES)
		return H2_FRAME_SIZE_ERROR;
	if (header->type >= ARRAY_LEN(shapes) || shapes[header->type].multiple == 0)
		return H2_NO_ERROR; /* unknown: passed over (RFC 9113 5.5) */
	const struct shape *shape = &shapes[header->type];
	if (shape->on == ON_STREAM && header->stream_id == 0)
		return H2_PROTOCOL_ERROR;
	if (shape->on == ON_CONNECTION && header->stream_id != 0)
		return H2_PROTOCOL_ERROR;
	if (header->length < shape->min || header->length > shape->max ||
	    header->length % shape->multiple)
		return H2_FRAME_SIZE_ERROR;
	if (header->type == H2_SETTINGS && (header->flags & H2_FLAG_ACK) && header->length)
		return H2_FRAME_SIZE_ERROR;
	return H2_NO_ERROR;
}

/* A frame of n bytes of payload; NULL: failed. */
static uint8_t *frame_put(struct outlet *out, struct h2_header header)
{
	uint8_t *at = outlet_room(out, H2_HEADER_BYTES + header.length);

	if (!at)
		return NULL;
	h2_header_put(at, &header);
	outlet_grew(out, H2_HEADER_BYTES + header.length);
	return at + H2_HEADER_BYTES;
}

void h2_put_settings(struct outlet *out, const uint32_t (*settings)[2], size_t n)
{
	uint8_t *at = frame_put(
		out, (struct h2_header){ .length = (uint32_t)n * 6, .type = H2_SETTINGS });

	for (size_t i = 0; at && i < n; i++, at += 6) {
		at[0] = (uint8_t)(settings[i][0] >> 8);
		at[1] = (uint8_t)settings[i][0];
		h2_u32_put(at + 2, settings[i][1]);
	}
}

void h2_put_settings_ack(struct outlet *out)
{
	frame_put(out, (struct h2_header){ .type = H2_SETTINGS, .flags = H2_FLAG_ACK });
}

void h2_put_ping(struct outlet *out, const uint8_t data[8], bool ack)
{
	uint8_t *at = frame_put(
		out,
		(struct h2_header){ .length = 8, .type = H2_PING, .flags = ack ? H2_FLAG_ACK : 0 });

	if (at)
		memcpy(at, data, 8);
}

void h2_put_goaway(struct outlet *out, uint32_t last_id, enum h2_error error)
{
	uint8_t *at = frame_put(out, (struct h2_header){ .length = 8, .type = H2_GOAWAY });

	if (!at)
		return;
	h2_u32_put(at, last_id);
	h2_u32_put(at + 4, error);
}

static void put_u32(struct outlet *out, uint8_t type, uint32_t stream_id, uint32_t value)
{
	uint8_t *at = frame_put(
		out, (struct h2_header){ .length = 4, .type = type, .stream_id = stream_id });

	if (at)
		h2_u32_put(at, value);
}

void h2_put_window_update(struct outlet *out, uint32_t stream_id, uint32_t by)
{
	put_u32(out, H2_WINDOW_UPDATE, stream_id, by);
}

void h2_put_rst_stream(struct outlet *out, uint32_t stream_id, enum h2_error error)
{
	put_u32(out, H2_RST_STREAM, stream_id, error);
}

void h2_put_headers(struct outlet *out, uint32_t stream_id, struct span block, bool end_stream)
{
	/* A frame and its header must fit in a block of ours. */
	const size_t max = BLOCK_BYTES - H2_HEADER_BYTES;
	uint8_t type = H2_HEADERS;

	_Static_assert((int)BLOCK_BYTES <= (int)H2_FRAME_MAX_BYTES,
		       "nobody need take longer frames");
	do {
		struct span part = span_first(block, max);
		bool last = part.len == block.len;
		bool ends = end_stream && type == H2_HEADERS;
		uint8_t *at = frame_put(
			out,
			(struct h2_header){ .length = (uint32_t)part.len,
					    .type = type,
					    .flags = (uint8_t)((last ? H2_FLAG_END_HEADERS : 0) |
							       (ends ? H2_FLAG_END_STREAM : 0)),
					    .stream_id = stream_id });
		if (!at)
			return;
		if (part.len)
			memcpy(at, part.at, part.len);
		block = span_from(block, part.len);
		type = H2_CONTINUATION;
	} while (block.len);
}

void h2_put_data_header(struct outlet *out, uint32_t stream_id, size_t len, bool end_stream)
{
	const struct h2_header header = { .length = (uint32_t)len,
					  .type = H2_DATA,
					  .flags = end_stream ? H2_FLAG_END_STREAM : 0,
					  .stream_id = stream_id };
	uint8_t *at = outlet_room(out, H2_HEADER_BYTES);

	if (!at)
		return;
	h2_header_put(at, &header);
	outlet_grew(out, H2_HEADER_BYTES);
}
