/* SPDX-License-Identifier: Apache-2.0
 *
 * wire: messages of the core (cluster/swim/message.h) to bytes and back, by protobuf. What comes
 * out of wire_decode() is within all the limits that message.h states. One thread at a time.
 */
#pragma once

#include "cluster/swim/message.h"
#include "cluster/wire/door.h"

enum wire_outcome {
	WIRE_OK = 0,
	WIRE_MALFORMED = 1, /* not our form, or a field out of its limits */
	WIRE_UNKNOWN = 2,   /* a kind of message or claim that a later version may know */
};

/* The message is the door's, until it is used again; byte strings point into it. */
int wire_decode(struct door *door, struct span bytes, struct swim_message *ret_message);
/* The length, or 0 when it does not fit or memory is short. Uses the door for scratch. */
size_t wire_encode(struct door *door, const struct swim_message *message, uint8_t *at, size_t max);
