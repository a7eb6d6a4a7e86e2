/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_http_range: what clients and origins say of parts, validators and codings. The first byte
 * tells how long the representation is, the first line is its ETag; each line is read as a value of
 * each field. What was understood, written out, is understood alike.
 */
#include "core/buf.h"
#include "core/obj.h"
#include "edge/http/accept_encoding.h"
#include "edge/http/multipart.h"
#include "edge/http/precondition.h"

#include <inttypes.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t lengths[] = { 0, 1, 2, 10, 100, 1000, 100000, UINT64_MAX };

static struct arena arena;

/* Each within the representation, none near another, in order if they say so. */
static void set_check(const struct range_set *set, uint64_t complete)
{
	uint64_t n_bytes = 0;
	bool ascending = true;

	MUST(set->n >= 1 && set->n <= RANGE_MAX);
	for (size_t i = 0; i < set->n; i++) {
		struct range one = set->ranges[i];
		MUST(one.first <= one.last && one.last < complete);
		MUST(!__builtin_add_overflow(n_bytes, range_bytes(one), &n_bytes));
		ascending = ascending && (i == 0 || set->ranges[i - 1].first < one.first);
		for (size_t j = 0; j < i; j++) {
			struct range other = set->ranges[j];
			bool before = other.last < one.first;
			uint64_t apart = before ? one.first - other.last : other.first - one.last;
			MUST(before || one.last < other.first);
			MUST(apart > RANGE_GAP_BYTES);
		}
	}
	MUST(n_bytes <= complete && set->ascending == ascending);
}

/* The same set, asked for in its own words. */
static void set_read_again(const struct range_set *set, uint64_t complete)
{
	struct range_set again;
	struct buf text;

	buf_init(&text, 4096);
	buf_add_str(&text, "bytes=");
	for (size_t i = 0; i < set->n; i++)
		buf_printf(&text, "%s%" PRIu64 "-%" PRIu64, i ? "," : "", set->ranges[i].first,
			   set->ranges[i].last);
	MUST(!text.failed);
	MUST(range_parse(buf_span(&text), complete, &again) == RANGE_OK);
	MUST(again.n == set->n && again.ascending == set->ascending);
	for (size_t i = 0; i < set->n; i++)
		MUST(again.ranges[i].first == set->ranges[i].first &&
		     again.ranges[i].last == set->ranges[i].last);
	buf_fini(&text);
}

static void multipart_check(const struct range_set *set, struct span type, uint64_t complete)
{
	struct multipart multipart;
	uint64_t length;
	struct rng rng;

	rng_seed(&rng, complete);
	if (multipart_compose(set, type, complete, &rng, &arena, &multipart) < 0)
		return; /* a type of many bytes, or a length past counting */
	length = multipart.closing.len;
	for (size_t i = 0; i < set->n; i++) {
		MUST(span_starts(multipart.before[i], i ? SPAN_LIT("\r\n--") : SPAN_LIT("--")));
		MUST(span_ends(multipart.before[i], SPAN_LIT("\r\n\r\n")));
		length += multipart.before[i].len + range_bytes(set->ranges[i]);
	}
	MUST(length == multipart.length);
}

static void range_line(struct span line, struct span type, uint64_t complete)
{
	struct range_set set;
	struct span value;

	if (range_parse(line, complete, &set) != RANGE_OK)
		return;
	set_check(&set, complete);
	set_read_again(&set, complete);
	multipart_check(&set, type, complete);
	for (size_t i = 0; i < set.n; i++) {
		struct content_range held;
		MUST(content_range_compose(&set.ranges[i], complete, &arena, &value) == 0);
		MUST(content_range_parse(value, &held));
		MUST(held.has_range && held.has_complete && held.complete == complete);
		MUST(held.range.first == set.ranges[i].first &&
		     held.range.last == set.ranges[i].last);
	}
}

static void content_range_line(struct span line)
{
	struct content_range held, again;
	struct span value;

	if (!content_range_parse(line, &held))
		return;
	MUST(held.has_range || held.has_complete);
	MUST(!held.has_range || held.range.first <= held.range.last);
	if (!held.has_complete)
		return;
	MUST(!held.has_range || held.range.last < held.complete);
	MUST(content_range_compose(held.has_range ? &held.range : NULL, held.complete, &arena,
				   &value) == 0);
	MUST(content_range_parse(value, &again) && again.has_range == held.has_range);
	MUST(again.complete == held.complete);
}

/* A line that names the stored tag weakly gives a 304, and no other; one that does so strongly is
 * one that passes If-Match. */
static void tags_line(struct span line, const struct validators *stored)
{
	struct span rest = line;
	struct entity_tag tag;
	struct http_head request;
	size_t n_rest = rest.len + 1;
	bool star = span_eq(span_trim(line), SPAN_LIT("*")), weakly = star, strongly = star;

	while (entity_tag_next(&rest, &tag)) {
		MUST(tag.opaque.len > 0 && rest.len < n_rest);
		n_rest = rest.len;
		weakly |= stored->has_etag && entity_tag_same_weakly(&tag, &stored->etag);
		strongly |= stored->has_etag && entity_tag_same_strongly(&tag, &stored->etag);
	}
	MUST(weakly || !strongly);
	MUST(http_head_init(&request, &arena) == 0);
	request.method = HTTP_METHOD_GET;
	MUST(http_head_add(&request, HTTP_NAME_IF_NONE_MATCH, line) == 0);
	MUST(precondition_evaluate(&request, stored, PRECONDITION_BY_CACHE, 0) ==
	     (weakly ? PRECONDITION_NOT_MODIFIED : PRECONDITION_PASSED));
	MUST(http_head_init(&request, &arena) == 0);
	MUST(http_head_add(&request, HTTP_NAME_IF_MATCH, line) == 0);
	MUST(precondition_evaluate(&request, stored, PRECONDITION_BY_ORIGIN, 0) ==
	     (strongly ? PRECONDITION_PASSED : PRECONDITION_FAILED));
	MUST(http_head_init(&request, &arena) == 0);
	MUST(http_head_add(&request, HTTP_NAME_IF_RANGE, line) == 0);
	MUST(strongly || !precondition_takes_range(&request, stored, 0));
}

/* The text says the same as what it was made of. */
static void codings_line(struct span line)
{
	char text[ACCEPT_ENCODING_TEXT_BYTES], again_text[ACCEPT_ENCODING_TEXT_BYTES];
	struct accept_encoding accept, again;
	struct http_head request;

	MUST(http_head_init(&request, &arena) == 0);
	MUST(http_head_add(&request, HTTP_NAME_ACCEPT_ENCODING, line) == 0);
	accept_encoding_read(&request, &accept);
	for (size_t i = 0; i < HTTP_N_CODINGS; i++)
		MUST(accept.q_permille[i] <= 1000 &&
		     (accept.takes >> i & 1) == (accept.q_permille[i] > 0));
	struct span said = accept_encoding_text(&accept, HTTP_CODINGS_ALL, text);
	MUST(http_head_set(&request, HTTP_NAME_ACCEPT_ENCODING, said) == 0);
	accept_encoding_read(&request, &again);
	MUST(again.takes == accept.takes);
	MUST(span_eq(accept_encoding_text(&again, HTTP_CODINGS_ALL, again_text), said));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_from(span_of(data, size), 1), first, line;
	uint64_t complete = size ? lengths[data[0] % ARRAY_LEN(lengths)] : 0;
	struct validators stored = { .status = 200 };

	if (!span_cut(&rest, '\n', &first))
		return 0;
	arena_init(&arena, (size_t)1 << 20);
	stored.has_etag = entity_tag_parse(span_trim(first), &stored.etag);
	while (span_cut(&rest, '\n', &line)) {
		if (span_find(line, '\r') < line.len)
			continue;
		range_line(line, first, complete);
		content_range_line(line);
		tags_line(line, &stored);
		codings_line(line);
		arena_empty(&arena);
	}
	arena_fini(&arena);
	return 0;
}
