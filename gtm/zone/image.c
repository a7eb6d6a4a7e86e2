/* SPDX-License-Identifier: Apache-2.0
 *
 * image: see the header.
 */
#include "gtm/zone/image.h"

#include <stdlib.h>

enum { TYPE_A = 1, TYPE_AAAA = 28, CLASS_IN = 1, RECORD_HEAD = 12 };

size_t image_record_len(size_t rdata_len)
{
	return RECORD_HEAD + rdata_len;
}

static uint8_t *put_u16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

void image_add_record(struct rr_image *image, struct span rdata)
{
	uint8_t *at = image->bytes + image->len;

	at = put_u16(at, 0xc000 | IMAGE_QUESTION_AT);
	at = put_u16(at, image->type);
	at = put_u16(at, CLASS_IN);
	at = put_u16(at, image->ttl_s >> 16);
	at = put_u16(at, image->ttl_s & 0xffff);
	at = put_u16(at, (uint32_t)rdata.len);
	if (rdata.len)
		memcpy(at, rdata.at, rdata.len);
	image->len += (uint32_t)image_record_len(rdata.len);
	image->n_records++;
}

struct rr_image *image_address(const struct addr *addr, uint32_t ttl_s)
{
	struct span ip = addr_ip(addr);
	struct rr_image *image = malloc(sizeof(*image) + image_record_len(ip.len));

	if (!image)
		return NULL;
	*image = (struct rr_image){ .type = ip.len == 4 ? TYPE_A : TYPE_AAAA, .ttl_s = ttl_s };
	image_add_record(image, ip);
	return image;
}
