/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_h1_chunked: chunked bodies: cut in any way they give the same bytes and the same end.
 */
#include "edge/http1/h1_body.h"

#include "core/must.h"
#include "edge/http1/h1_trailers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	int outcome;
	size_t eaten, n_data, n_trailers;
	uint64_t sum;
};

static struct result decode(struct span input, size_t step)
{
	struct result result = { .outcome = H1_BODY_MORE };
	struct h1_body body;

	h1_body_init(&body, HTTP_BODY_STREAM, 0);
	while (result.outcome == H1_BODY_DATA || result.outcome == H1_BODY_TRAILER ||
	       (result.outcome == H1_BODY_MORE && result.eaten < input.len)) {
		struct span data;
		size_t eaten;
		struct span piece = span_first(span_from(input, result.eaten), step);
		result.outcome = h1_body_next(&body, piece, &eaten, &data);
		MUST(eaten <= piece.len && data.len <= eaten);
		bool has_data = result.outcome == H1_BODY_DATA || result.outcome == H1_BODY_TRAILER;
		MUST(has_data ? data.len > 0 : data.len == 0);
		result.eaten += eaten;
		if (result.outcome == H1_BODY_TRAILER)
			result.n_trailers += data.len;
		else
			result.n_data += data.len;
		for (size_t i = 0; i < data.len; i++)
			result.sum = result.sum * 31 + data.at[i];
	}
	MUST(h1_body_ended(&body) == (result.outcome == H1_BODY_END));
	return result;
}

/* The trailers are read; those that are kept are clean. */
static void trailers_read(struct span input)
{
	const struct http_head *trailers = NULL;
	struct h1_body body;
	struct h1_in in;
	struct slab *slab;
	struct arena arena;
	struct span data;
	size_t at = 0, eaten;
	int r = H1_BODY_DATA;

	MUST(slab_new(1, &slab) == 0);
	arena_init(&arena, (size_t)1 << 20);
	h1_in_init(&in, slab);
	in.trailers = slab_take(slab);
	MUST(in.trailers);
	h1_body_init(&body, HTTP_BODY_STREAM, 0);
	while (r == H1_BODY_DATA || r == H1_BODY_TRAILER) {
		r = h1_body_next(&body, span_from(input, at), &eaten, &data);
		at += eaten;
		if (r != H1_BODY_TRAILER)
			continue;
		memcpy(in.trailers->bytes + in.trailers->len, data.at, data.len);
		in.trailers->len += (uint32_t)data.len;
	}
	if (r == H1_BODY_END && h1_trailers_take(&in, &arena, &trailers) == H1_PARSED && trailers)
		MUST(!http_head_find(trailers, HTTP_NAME_CONTENT_LENGTH) &&
		     !http_head_find(trailers, HTTP_NAME_HOST));
	h1_in_fini(&in);
	arena_fini(&arena);
	slab_free(slab);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = { 1, 2, 3, 7, 64 };
	struct span input = span_of(data, size);
	struct result whole = decode(input, SIZE_MAX);

	MUST(whole.n_data <= size);
	trailers_read(input);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct result cut = decode(input, steps[i]);
		MUST(cut.outcome == whole.outcome && cut.eaten == whole.eaten);
		MUST(cut.n_data == whole.n_data);
		/* What is malformed may have given some of its trailers, or none. */
		MUST(whole.outcome == H1_BODY_MALFORMED ||
		     (cut.n_trailers == whole.n_trailers && cut.sum == whole.sum));
	}
	return 0;
}
