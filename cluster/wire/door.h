/* SPDX-License-Identifier: Apache-2.0
 *
 * door: where protobuf comes in and goes out. A door unpacks one message at a time into memory that
 * is capped and given back at once, so that a stranger's packet costs a bounded amount; whoever
 * wants to keep something copies it out. Generated types never pass beyond cluster/wire and
 * cluster/identity. One thread at a time.
 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "core/arena.h"

/* An unpacked message costs more than its bytes: pointers, headers, arrays. */
enum { DOOR_COST_FACTOR = 24, DOOR_COST_BASE = 4096 };

struct door {
	ProtobufCAllocator allocator;
	struct arena arena;
};

/* max_bytes: of the largest packet that will be shown to it. */
void door_init(struct door *door, size_t max_bytes);
void door_fini(struct door *door);
/* Whatever was unpacked before becomes invalid. NULL: it does not fit the schema or the cap. The
 * message is the door's: never free it. */
ProtobufCMessage *door_unpack(struct door *door, const ProtobufCMessageDescriptor *schema,
			      struct span bytes);
/* Memory of the door, until the next door_unpack() or door_empty(). NULL when the cap is reached.
 */
void *door_take(struct door *door, size_t n, size_t size);
void door_empty(struct door *door);

/* The packed size, or 0 and nothing written when it is larger than max. */
size_t door_pack(const ProtobufCMessage *message, uint8_t *at, size_t max);

static inline struct span door_bytes(const ProtobufCBinaryData *bytes)
{
	return span_of(bytes->data, bytes->len);
}
/* For packing alone: protobuf-c's structs have no const. */
static inline ProtobufCBinaryData door_lend(struct span bytes)
{
	return (ProtobufCBinaryData){ .len = bytes.len, .data = (uint8_t *)(uintptr_t)bytes.at };
}
