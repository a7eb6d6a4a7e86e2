/* SPDX-License-Identifier: Apache-2.0
 *
 * health: counts what speaks against the present state; anything that speaks for it starts anew.
 */
#include "edge/origin/health.h"

#include "core/must.h"

const char *origin_state_name(enum origin_state state)
{
	switch (state) {
	case ORIGIN_UNKNOWN:
		return "unknown";
	case ORIGIN_UP:
		return "up";
	case ORIGIN_DOWN:
		return "down";
	}
	UNREACHABLE();
}

bool health_note(struct health *health, bool passed, uint32_t rise, uint32_t fall)
{
	enum origin_state said = passed ? ORIGIN_UP : ORIGIN_DOWN;

	MUST(rise > 0 && fall > 0);
	if (health->state == said) {
		health->streak = 0;
		return false;
	}
	health->streak++;
	if (health->state != ORIGIN_UNKNOWN && health->streak < (passed ? rise : fall))
		return false;
	*health = (struct health){ .state = said };
	return true;
}
