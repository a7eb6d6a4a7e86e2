/* SPDX-License-Identifier: Apache-2.0
 *
 * reasons: the table that reasons.def expands to.
 */
#include "edge/report/reasons.h"

#include "core/must.h"

struct reason {
	const char *word;
	unsigned status;
	const char *help;
};

/* clang-format off */
static const struct reason reasons[REASON_N] = {
#define X(ID, word_, status_, help_) [REASON_##ID] = { (word_), (status_), (help_) },
#include "edge/report/reasons.def"
#undef X
};
/* clang-format on */

const char *reason_word(enum close_reason reason)
{
	MUST(reason < REASON_N);
	return reasons[reason].word;
}

unsigned reason_status(enum close_reason reason)
{
	MUST(reason < REASON_N);
	return reasons[reason].status;
}

const char *reason_help(enum close_reason reason)
{
	MUST(reason < REASON_N);
	return reasons[reason].help;
}
