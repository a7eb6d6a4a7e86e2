/* SPDX-License-Identifier: Apache-2.0
 *
 * answer: from a packet to the packet that answers it. Record sets are copied as they lie ready;
 * head, question and OPT are composed. No allocation, no lock; any worker.
 */
#pragma once

#include "core/metrics.h"
#include "gtm/steer/steer.h"
#include "gtm/zone/zone.h"

/* What a worker serves from, between two turns of its loop. */
struct serving {
	const struct zone_set *zones;
	const struct steer_table *steer;
	struct metric_block *metrics;
};

enum answer_transport { ANSWER_UDP, ANSWER_TCP };
enum { ANSWER_MAX = 65535 };

/* Writes the answer into `out` (room for out_len, at least 1232, for TCP 65535); its length, 0 for
 * silence. `from` is the resolver's address. */
size_t answer_make(const struct serving *serving, struct span packet, const struct addr *from,
		   enum answer_transport transport, uint8_t *out, size_t out_len);
