/* SPDX-License-Identifier: Apache-2.0
 *
 * image: a resource record set as it goes on the wire, made once. Its owner name is a pointer to
 * the question (0xc00c), so it can be copied behind any question that asks for it; names inside its
 * rdata are written out. Head, question and OPT are composed per query by server/answer.c.
 */
#pragma once

#include "core/net/addr.h"

enum { IMAGE_QUESTION_AT = 12 }; /* where a question's name stands in a packet */

struct rr_image {
	uint16_t type;
	uint16_t n_records;
	uint32_t ttl_s;
	uint32_t len;
	uint8_t bytes[];
};

/* What one record of this much rdata takes. */
size_t image_record_len(size_t rdata_len);
/* Appends; the image's memory has room, its type and TTL are set. */
void image_add_record(struct rr_image *image, struct span rdata);

/* One A or AAAA record for an address (an IPv4 gives A). Owned by the caller: free(). NULL without
 * memory. */
struct rr_image *image_address(const struct addr *addr, uint32_t ttl_s);
