/* SPDX-License-Identifier: Apache-2.0
 *
 * coded: zlib and brotli at levels that cost some ten milliseconds a megabyte: it is done once.
 */
#include "edge/cache/coded.h"

#include <brotli/encode.h>
#define ZLIB_CONST
#include <zlib.h>

#include "core/error.h"
#include "core/obj.h"

enum { GZIP_LEVEL = 6, GZIP_WRAPPER = 16, BR_QUALITY = 5, WORTH_PERCENT = 90 };

static const struct span names[CACHE_N_CODINGS] = {
	[CACHE_CODING_BR] = { (const uint8_t *)"br", 2 },
	[CACHE_CODING_GZIP] = { (const uint8_t *)"gzip", 4 },
};

struct span cache_coding_name(enum cache_coding coding)
{
	MUST((size_t)coding < CACHE_N_CODINGS);
	return names[coding];
}

bool cache_coding_find(struct span name, enum cache_coding *ret_coding)
{
	for (size_t i = 0; i < CACHE_N_CODINGS; i++) {
		if (!span_ieq(name, names[i]))
			continue;
		*ret_coding = (enum cache_coding)i;
		return true;
	}
	return false;
}

static void release(struct slice_owner *owner)
{
	free(CONTAINER_OF(owner, struct cache_coded, owner));
}

/* 0: it does not fit into max_bytes. Errors: -ENOMEM. */
static int gzip(struct span body, uint8_t *to, size_t max_bytes, size_t *ret_len)
{
	z_stream stream = { .avail_out = (uInt)max_bytes };

	if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, MAX_WBITS + GZIP_WRAPPER, MAX_MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return err_new(-ENOMEM);
	stream.next_out = to;
	stream.next_in = body.at;
	stream.avail_in = (uInt)body.len;
	*ret_len = deflate(&stream, Z_FINISH) == Z_STREAM_END ? stream.total_out : 0;
	deflateEnd(&stream);
	return 0;
}

static int code(enum cache_coding coding, struct span body, uint8_t *to, size_t max_bytes,
		size_t *ret_len)
{
	*ret_len = max_bytes;
	switch (coding) {
	case CACHE_CODING_BR:
		if (!BrotliEncoderCompress(BR_QUALITY, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT,
					   body.len, body.at, ret_len, to))
			*ret_len = 0;
		return 0;
	case CACHE_CODING_GZIP:
		return err_pass(gzip(body, to, max_bytes, ret_len));
	case CACHE_N_CODINGS:
		break;
	}
	UNREACHABLE();
}

int cache_coded_new(enum cache_coding coding, struct span body, struct cache_coded **ret_coded)
{
	size_t max_bytes = body.len / 100 * WORTH_PERCENT, len = 0;
	struct cache_coded *coded = malloc(sizeof(*coded) + max_bytes);

	if (!coded)
		return err_new(-ENOMEM);
	int r = code(coding, body, coded->bytes, max_bytes, &len);
	if (r < 0) {
		free(coded);
		return err_pass(r);
	}
	struct cache_coded *fitting = realloc(coded, sizeof(*coded) + len);
	coded = fitting ? fitting : coded;
	coded->owner = (struct slice_owner){ .n_refs = 1, .shared = true, .release = release };
	coded->length = len;
	*ret_coded = coded;
	return 0;
}
