/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_takeover: the messages of a take-over. What is read as a batch is written again to the same
 * bytes.
 */
#include "core/net/sock_priv.h"

#include "core/obj.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_over(span_of(data, size));
	struct sock_batch batch;
	enum sock_message type;
	struct buf out;

	if (!sock_message_read(&c, &type))
		return 0;
	struct sock_fact *facts = calloc(SOCK_BATCH_MAX, sizeof(*facts));
	if (!facts)
		return 0;
	if (sock_batch_read(span_of(data, size), &batch, facts)) {
		MUST(type == SOCK_MESSAGE_BATCH && batch.n <= SOCK_BATCH_MAX);
		buf_init(&out, SOCK_MESSAGE_MAX);
		sock_batch_write(&out, batch);
		for (unsigned i = 0; i < batch.n; i++)
			sock_fact_write(&out, &facts[i]);
		MUST(!out.failed && span_eq(buf_span(&out), span_of(data, size)));
		buf_fini(&out);
	}
	free(facts);
	return 0;
}
