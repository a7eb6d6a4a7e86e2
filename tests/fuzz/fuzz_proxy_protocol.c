/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_proxy_protocol: any bytes; what is parsed is written and parsed again.
 */
#include "core/net/proxy_protocol.h"
#include "core/obj.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct proxy_header *header)
{
	for (int version = PROXY_V1; version <= PROXY_V2; version++) {
		uint8_t bytes[PROXY_WRITE_BYTES];
		struct proxy_header again;
		size_t len =
			proxy_write((enum proxy_version)version, &header->from, &header->to, bytes);
		MUST(proxy_parse(span_of(bytes, len), &again) == PROXY_PARSED);
		MUST(!again.local && addr_eq(&again.from, &header->from) &&
		     addr_eq(&again.to, &header->to));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header;

	if (proxy_parse(span_of(data, size), &header) != PROXY_PARSED)
		return 0;
	MUST(header.len <= size);
	if (!header.local)
		write_again(&header);
	return 0;
}
