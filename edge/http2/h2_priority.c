/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_priority: two members of a dictionary: `u=0` to `u=7`, and `i`, `i=?1` or `i=?0`.
 */
#include "edge/http2/h2_priority.h"

/* Parameters of a member mean nothing here. */
static struct span without_parameters(struct span member)
{
	return span_trim(span_first(member, span_find(member, ';')));
}

static void member_read(struct span member, struct h2_priority *priority)
{
	if (member.len == 3 && span_starts(member, SPAN_LIT("u=")) && member.at[2] >= '0' &&
	    member.at[2] < '0' + H2_URGENCIES)
		priority->urgency = member.at[2] - '0';
	else if (span_eq(member, SPAN_LIT("i")) || span_eq(member, SPAN_LIT("i=?1")))
		priority->incremental = true;
	else if (span_eq(member, SPAN_LIT("i=?0")))
		priority->incremental = false;
}

void h2_priority_read(struct span value, struct h2_priority *priority)
{
	struct span member;

	while (span_cut(&value, ',', &member))
		member_read(without_parameters(member), priority);
}
