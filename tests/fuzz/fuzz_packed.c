/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_packed: a run of bytes that says it is a head. One that is sound can be read, what is read
 * lies within it, and written again it is the same.
 */
#include "core/must.h"
#include "edge/cache/packed.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct span part, const uint8_t *data, size_t size)
{
	MUST(part.at >= data && part.len <= size && (size_t)(part.at - data) <= size - part.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head head;
	struct arena arena;

	if (!packed_is_sound(span_of(data, size)))
		return 0;
	arena_init(&arena, 1 << 20);
	MUST(http_head_init(&head, &arena) == 0);
	int r = packed_read(span_of(data, size), &head);
	for (uint16_t i = 0; i < head.n_fields; i++) {
		within(head.fields[i].name, data, size);
		within(head.fields[i].value, data, size);
		MUST(http_name_lookup(head.fields[i].name) == head.fields[i].id);
	}
	MUST(r == 0 || r == -ENOBUFS); /* more fields than a head may have */
	if (r == 0) {
		uint8_t *again = malloc(size ? size : 1);
		MUST(again && packed_size(&head) == size);
		packed_write(&head, again);
		MUST(size == 0 || memcmp(again, data, size) == 0);
		free(again);
	}
	arena_fini(&arena);
	return 0;
}
