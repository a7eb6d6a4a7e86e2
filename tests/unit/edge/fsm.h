/* SPDX-License-Identifier: Apache-2.0
 *
 * fsm: compares a drawing in docs/fsm/ with a machine's table. The tests run in the source folder.
 */
#pragma once

#include <stdio.h>
#include <string.h>

struct fsm {
	const char *drawing;
	const char *const *names;
	const unsigned *may_follow; /* bits */
	size_t n_states;
};

static size_t fsm_state(const struct fsm *fsm, const char *name)
{
	for (size_t i = 0; i < fsm->n_states; i++) {
		if (strcmp(fsm->names[i], name) == 0)
			return i;
	}
	fail_msg("%s draws a state \"%s\" that the code does not know", fsm->drawing, name);
	return 0;
}

static void fsm_compare(const struct fsm *fsm)
{
	unsigned drawn[32] = { 0 };
	char line[512], from[64], to[64];
	FILE *file = fopen(fsm->drawing, "r");

	assert_non_null(file);
	assert_true(fsm->n_states <= 32);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %63[A-Z] -> %63[A-Z]", from, to) == 2)
			drawn[fsm_state(fsm, from)] |= 1u << fsm_state(fsm, to);
	}
	fclose(file);
	for (size_t i = 0; i < fsm->n_states; i++) {
		if (drawn[i] != fsm->may_follow[i])
			fail_msg("%s: %s is drawn with %#x, the code says %#x", fsm->drawing,
				 fsm->names[i], drawn[i], fsm->may_follow[i]);
	}
}
