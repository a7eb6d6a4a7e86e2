/* SPDX-License-Identifier: Apache-2.0
 *
 * health: the rule by which single checks become "up" or "down". Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum origin_state {
	ORIGIN_UNKNOWN, /* not checked yet, or never: used as if it were up */
	ORIGIN_UP,
	ORIGIN_DOWN,
};
const char *origin_state_name(enum origin_state state);

struct health {
	enum origin_state state;
	uint32_t streak; /* results in a row that speak against the state */
};

/* The first result decides; after that `rise` passes in a row make it up, `fall` failures down.
 * True when the state has changed. */
bool health_note(struct health *health, bool passed, uint32_t rise, uint32_t fall);
