/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "cluster/member/member.h"
#include "core/obj.h"

enum { N_STATES = MEMBER_LEFT + 1 };

static struct member *add(struct members *members, unsigned n)
{
	struct member_id id = { { (uint8_t)n, (uint8_t)(n >> 8) } };

	return members_add(members, &id);
}

static int state_called(const char *name)
{
	for (int i = 0; i < N_STATES; i++)
		if (strcmp(member_state_name((enum member_state)i), name) == 0)
			return i;
	return -1;
}

static void drawing_and_table_have_the_same_edges(void **state)
{
	(void)state;
	bool drawn[N_STATES][N_STATES] = { { false } };
	FILE *file = fopen("docs/fsm/member.dot", "r");
	char line[256], from[32], to[32];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %31[a-z] -> %31[a-z]", from, to) != 2)
			continue;
		assert_true(state_called(from) >= 0 && state_called(to) >= 0);
		drawn[state_called(from)][state_called(to)] = true;
	}
	fclose(file);
	for (int a = 0; a < N_STATES; a++)
		for (int b = 0; b < N_STATES; b++)
			assert_int_equal(
				member_may_follow((enum member_state)a, (enum member_state)b),
				drawn[a][b]);
}

static void the_living_are_in_the_order_of_probes_and_no_others(void **state)
{
	(void)state;
	struct members members;

	members_init(&members);
	struct member *a = add(&members, 1), *b = add(&members, 2), *me = add(&members, 3);
	me->is_self = true;
	member_goto(&members, me, MEMBER_ALIVE, MONO_ZERO);
	assert_int_equal(members.n_live, 0);
	member_goto(&members, a, MEMBER_ALIVE, MONO_ZERO);
	member_goto(&members, b, MEMBER_ALIVE, MONO_ZERO);
	member_goto(&members, a, MEMBER_SUSPECT, MONO_ZERO);
	assert_int_equal(members.n_live, 2);
	assert_ptr_equal(LIST_FIRST(&members.suspects), a);
	members_swap_live(&members, 0, 1);
	assert_ptr_equal(members.live[0], b);
	member_goto(&members, b, MEMBER_DEAD, MONO_ZERO);
	assert_int_equal(members.n_live, 1);
	assert_ptr_equal(members.live[0], a);
	assert_ptr_equal(LIST_FIRST(&members.gone), b);
	members_fini(&members);
}

static void since_is_kept_while_the_state_is(void **state)
{
	(void)state;
	struct members members;

	members_init(&members);
	struct member *a = add(&members, 1);
	member_goto(&members, a, MEMBER_ALIVE, (mono_t){ 5 });
	member_goto(&members, a, MEMBER_ALIVE, (mono_t){ 9 });
	assert_int_equal(a->since.ns, 5);
	members_fini(&members);
}

static void many_come_are_found_and_go(void **state)
{
	(void)state;
	enum { N = 2000 };
	struct members members;

	members_init(&members);
	for (unsigned i = 0; i < N; i++)
		member_goto(&members, add(&members, i), MEMBER_ALIVE, MONO_ZERO);
	for (unsigned i = 0; i < N; i += 2) {
		struct member_id id = { { (uint8_t)i, (uint8_t)(i >> 8) } };

		members_remove(&members, members_find(&members, &id));
		assert_null(members_find(&members, &id));
	}
	assert_int_equal(members.n_all, N / 2);
	assert_int_equal(members.n_live, N / 2);
	members_fini(&members);
}

static void table_has_a_limit(void **state)
{
	(void)state;
	struct members members;

	members_init(&members);
	for (unsigned i = 0; i < SWIM_MAX_MEMBERS; i++)
		assert_non_null(add(&members, i));
	assert_null(add(&members, SWIM_MAX_MEMBERS));
	members_fini(&members);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawing_and_table_have_the_same_edges),
		cmocka_unit_test(the_living_are_in_the_order_of_probes_and_no_others),
		cmocka_unit_test(since_is_kept_while_the_state_is),
		cmocka_unit_test(many_come_are_found_and_go),
		cmocka_unit_test(table_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
