/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_json: what is read as JSON is written and read again as the same; any bytes become a string.
 */
#include "core/json.h"

#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(json_drop) json_t *object = json_object();
	char error[160];
	struct buf out;

	buf_init(&out, 8 << 20);
	CLEANUP(json_drop)
	json_t *json = json_from(span_of(data, size), 1 << 20, error, sizeof(error));
	if (json) {
		json_into(&out, json);
		MUST(!out.failed);
		CLEANUP(json_drop)
		json_t *again = json_from(buf_span(&out), 8 << 20, error, sizeof(error));
		MUST(again && json_equal(json, again));
	}
	buf_empty(&out);
	MUST(object && json_set_span(object, "text", span_of(data, size)) == 0);
	json_into(&out, object);
	MUST(!out.failed);
	buf_fini(&out);
	return 0;
}
