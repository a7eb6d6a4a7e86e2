/* SPDX-License-Identifier: Apache-2.0
 *
 * door: an allocator for protobuf-c over an arena. Nothing is freed piece by piece: the next
 * message, or the end, empties the arena; that also makes protobuf-c's own clean-up after a bad
 * message cheap.
 */
#include "cluster/wire/door.h"

#include "core/obj.h"

static void *take_piece(void *arg, size_t size)
{
	struct door *door = arg;

	return arena_take(&door->arena, MAX(size, (size_t)1));
}

static void give_piece(void *arg, void *piece)
{
	(void)arg;
	(void)piece;
}

void door_init(struct door *door, size_t max_bytes)
{
	*door = (struct door){ .allocator = { .alloc = take_piece, .free = give_piece } };
	door->allocator.allocator_data = door;
	arena_init(&door->arena, max_bytes * DOOR_COST_FACTOR + DOOR_COST_BASE);
}

void door_fini(struct door *door)
{
	arena_fini(&door->arena);
}

ProtobufCMessage *door_unpack(struct door *door, const ProtobufCMessageDescriptor *schema,
			      struct span bytes)
{
	MUST(door->allocator.allocator_data == door);
	arena_empty(&door->arena);
	return protobuf_c_message_unpack(schema, &door->allocator, bytes.len, bytes.at);
}

void *door_take(struct door *door, size_t n, size_t size)
{
	size_t len;

	if (__builtin_mul_overflow(n, size, &len))
		return NULL;
	void *at = arena_take(&door->arena, MAX(len, (size_t)1));
	if (at)
		memset(at, 0, len);
	return at;
}

void door_empty(struct door *door)
{
	arena_empty(&door->arena);
}

size_t door_pack(const ProtobufCMessage *message, uint8_t *at, size_t max)
{
	size_t len = protobuf_c_message_get_packed_size(message);

	return len > max ? 0 : protobuf_c_message_pack(message, at);
}
