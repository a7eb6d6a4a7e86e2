/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_explain: the steps of a decision, readable.
 */
#include "tests/unit/ctl/fixture.h"

static const char answer[] =
	"{\"name\":\"www.example.com\",\"client\":\"198.51.100.0/24\",\"steps\":["
	"{\"step\":\"where\",\"text\":\"IE\"},{\"step\":\"near\",\"text\":\"eu-west 12 km\"}],"
	"\"answer\":{\"region\":\"eu-west\",\"addresses\":[\"203.0.113.10\"],\"ttl_s\":30,"
	"\"scope\":20}}";

static void steps_and_answer_are_shown(void **state)
{
	(void)state;
	fixture.answer = answer;
	EXPECT("explain www.example.com --client 198.51.100.0/24 --admin g:1", COMMAND_OK,
	       "answer    eu-west 203.0.113.10  TTL 30 s  scope /20", "near   eu-west 12 km",
	       "where  IE");
	assert_string_equal(fixture.asked,
			    "GET g:1 /explain?name=www.example.com&client=198.51.100.0%2F24");
	EXPECT("explain a --client b --json", COMMAND_OK, "\"steps\":[");
}

static void what_is_no_explanation_is_said(void **state)
{
	(void)state;
	fixture.answer = "{}";
	EXPECT("explain a --client b", COMMAND_FAILED, "is this a GTM?");
	fixture.answer = "{\"steps\":[7,{}],\"answer\":{\"addresses\":[1]}}";
	EXPECT("explain a --client b", COMMAND_OK, "name");
	fixture.answer = NULL;
	fixture.error = "g:1: no steered name 'a'; known: www.example.com";
	EXPECT("explain a --client b", COMMAND_FAILED, "known: www.example.com");
	EXPECT("explain a", COMMAND_USAGE, "usage");
	EXPECT("explain --client b", COMMAND_USAGE, "usage");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_and_answer_are_shown),
		cmocka_unit_test(what_is_no_explanation_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
