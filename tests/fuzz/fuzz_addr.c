/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_addr: what is read as an address or a prefix is written and read again as the same.
 */
#include "core/net/addr.h"

#include "core/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct addr addr, again;
	struct prefix prefix, prefix_again;
	char out[ADDR_TEXT_MAX];

	if (addr_parse(text, &addr)) {
		MUST(addr_parse(span_str(addr_text(&addr, out)), &again));
		MUST(addr_eq(&addr, &again));
	}
	if (addr_parse_ip(text, &addr)) {
		MUST(addr_parse_ip(span_str(addr_ip_text(&addr, out)), &again));
		MUST(addr_ip_eq(&addr, &again));
	}
	if (prefix_parse(text, &prefix)) {
		MUST(prefix_parse(span_str(prefix_text(&prefix, out)), &prefix_again));
		MUST(prefix_covers(&prefix, &prefix_again) &&
		     prefix_covers(&prefix_again, &prefix));
		again = addr_from_ip(span_of(prefix.ip, prefix.len), 0);
		MUST(prefix_has(&prefix, &again));
	}
	return 0;
}
