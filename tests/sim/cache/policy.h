/* SPDX-License-Identifier: Apache-2.0
 *
 * policy: what decides who has to go, as the simulator sees it. S3-FIFO is the one that ships
 * (edge/cache/evict.h), linked; the others are here to be compared with.
 */
#pragma once

#include "trace.h"

#include <stdbool.h>

struct policy_result {
	uint64_t n_hits, hit_bytes; /* of the bound hits alone */
};

struct policy {
	const char *name;
	/* Runs the whole trace with a cache of so many bytes. */
	void (*run)(const struct trace *trace, uint64_t max_bytes, struct policy_result *ret);
	bool is_bound; /* of hits, whatever their bytes */
};

extern const struct policy policies[]; /* ends with .name NULL; the shipped one is the first */

/* What the shipped one is made of, to be tuned, and to be broken on purpose. */
struct policy_tuning {
	uint32_t small_percent, enough_uses;
	bool no_touch; /* hits are not told */
};
extern struct policy_tuning policy_tuning;
