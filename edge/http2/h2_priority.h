/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_priority: the Priority field (RFC 9218 4): which response goes first. Pure.
 */
#pragma once

#include "core/span.h"

enum { H2_URGENCIES = 8, H2_URGENCY_DEFAULT = 3 };

struct h2_priority {
	uint8_t urgency;  /* 0: first */
	bool incremental; /* it is of use in pieces: takes turns with its like */
};
#define H2_PRIORITY_DEFAULT ((struct h2_priority){ .urgency = H2_URGENCY_DEFAULT })

/* What the value says changes `priority`; what it does not say, or says wrongly, stays (RFC 9218
 * 4: a dictionary of RFC 8941; unknown members are passed over). */
void h2_priority_read(struct span value, struct h2_priority *priority);
