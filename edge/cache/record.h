/* SPDX-License-Identifier: Apache-2.0
 *
 * record: an object as it stands on disk: all but its body in one run of bytes, the head of a
 * disk's record. Read back on the machine that wrote it, and trusted for nothing: what a disk says
 * is checked as what a stranger says.
 */
#pragma once

#include "core/buf.h"
#include "edge/cache/disk.h"
#include "edge/cache/object.h"

/* By its key. An id proves nothing: whoever reads a record compares the key. */
struct disk_id cache_record_id(struct span key);

/* Appends; look at out->failed. */
void cache_record_write(const struct cache_object *object, struct buf *out);

/* The same for what responses of a URL vary by: names as in cache_vary_names(). */
void cache_record_write_vary(struct span key, struct span names, struct buf *out);

/* What was read. The spans are in the run. */
struct cache_record {
	struct span key;
	uint32_t url_len;
	struct reuse_life life;
	uint16_t status; /* 0: of a URL's names: they are in `head` */
	uint16_t n_tags;
	bool codable;
	struct span tags;     /* numbers, perhaps not aligned */
	struct span head;     /* packed, not looked into */
	struct span trailers; /* likewise; empty: none */
};
/* False: it is none that this version has written. */
bool cache_record_read(struct span run, struct cache_record *ret_record);
