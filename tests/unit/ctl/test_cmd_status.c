/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_status: three tables from one view.
 */
#include "tests/unit/ctl/fixture.h"

static const char answer[] =
	"{\"program\":\"meridian-gtm\",\"version\":\"0.1.0\",\"node\":\"gtm-1\",\"region\":\"eu-"
	"west\","
	"\"view\":{\"self\":\"02\",\"members\":["
	"{\"id\":\"01\",\"name\":\"us-1\",\"region\":\"us-east\",\"roles\":[\"edge\"],\"state\":"
	"\"alive\","
	"\"gossip\":\"10.0.0.1:7946\",\"version\":\"0.1.0\",\"draining\":true,\"capacity_rps\":"
	"1000,"
	"\"load_rps\":371,\"open_connections\":12,\"services\":[{\"name\":\"web\",\"health\":"
	"\"up\","
	"\"share_pct\":100,\"origins\":2,\"origins_up\":2}]},"
	"{\"id\":\"03\",\"name\":\"us-2\",\"region\":\"us-east\",\"roles\":[\"edge\"],\"state\":"
	"\"dead\","
	"\"capacity_rps\":1000,\"services\":[{\"name\":\"web\",\"health\":\"up\"}]},"
	"{\"id\":\"02\",\"name\":\"gtm-1\",\"region\":\"eu-west\",\"roles\":[\"gtm\"],\"state\":"
	"\"alive\"}]}}";

static void members_regions_and_services_are_shown(void **state)
{
	(void)state;
	fixture.answer = answer;
	EXPECT("status --admin g:1", COMMAND_OK, "MEMBER", "gtm-1 *", "alive, draining", "37%",
	       "us-east      2      1         1      1000    371   37%",
	       "web      us-east  us-1    up", "2/2", "gone",
	       "as seen by gtm-1 (meridian-gtm 0.1.0)");
	assert_string_equal(fixture.asked, "GET g:1 /status");
}

static void json_is_passed_on(void **state)
{
	(void)state;
	fixture.answer = answer;
	EXPECT("status --json", COMMAND_OK, "\"self\":\"02\"");
}

static void lines_fit_a_terminal(void **state)
{
	char *output, *rest, *line;

	(void)state;
	fixture.answer = answer;
	assert_int_equal(fixture_run("status", &output), COMMAND_OK);
	rest = output;
	while ((line = strsep(&rest, "\n")))
		assert_true(strlen(line) <= 140);
	free(output);
}

static void odd_answers_are_survived(void **state)
{
	(void)state;
	fixture.answer = "{}";
	EXPECT("status", COMMAND_FAILED, "no view of a cluster");
	fixture.answer = "{\"view\":{\"members\":[]}}";
	EXPECT("status", COMMAND_OK, "MEMBER");
	fixture.answer = "{\"view\":{\"members\":[1,{\"name\":7,\"services\":[[]]},null]}}";
	EXPECT("status", COMMAND_OK, "MEMBER");
	fixture.answer = NULL;
	fixture.error = "g:1: refused";
	EXPECT("status", COMMAND_FAILED, "g:1: refused");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_regions_and_services_are_shown),
		cmocka_unit_test(json_is_passed_on),
		cmocka_unit_test(lines_fit_a_terminal),
		cmocka_unit_test(odd_answers_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
