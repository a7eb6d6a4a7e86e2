/* SPDX-License-Identifier: Apache-2.0
 *
 * suspicion: Lifeguard's formula: the first confirmation takes off the most, since two independent
 * observers are so much more than one.
 */
#include "cluster/member/suspicion.h"

#include <math.h>

#include "core/must.h"

uint32_t suspicion_ms(uint32_t least_ms, uint32_t most_ms, size_t n_confirmed, size_t n_needed)
{
	MUST(least_ms <= most_ms);
	if (n_confirmed >= n_needed)
		return least_ms;
	double share = log((double)n_confirmed + 1) / log((double)n_needed + 1);
	return most_ms - (uint32_t)((most_ms - least_ms) * share);
}
