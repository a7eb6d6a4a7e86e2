/* SPDX-License-Identifier: Apache-2.0
 *
 * packed: the fields of a head in one run of bytes, for memory that is kept and for disk: for each
 * its number, two lengths, name and value. A run of ours needs no check, one from a disk does.
 */
#pragma once

#include "edge/http/message.h"

/* Bytes that the fields take. */
size_t packed_size(const struct http_head *head);
/* Writes packed_size() bytes. */
void packed_write(const struct http_head *head, uint8_t *at);
/* Of foreign bytes: a run whose fields are such as ours are. What is not must not be read, for a
 * value may hold a line's end. */
bool packed_is_sound(struct span run);
/* Appends the fields to a head; names and values are borrowed from the run. Errors: -ENOBUFS;
 * -EBADMSG: it is no run of ours. */
int packed_read(struct span run, struct http_head *head);
