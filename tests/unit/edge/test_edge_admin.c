/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/edge_admin: the pages, asked over the operator's port.
 */
#include "control_stage.h"

#include "core/json.h"
#include "core/net/fetch.h"

struct answer {
	bool done;
	long status;
	char body[65536];
};

static void on_answer(const struct fetch_response *response, void *arg)
{
	struct answer *answer = arg;

	assert_int_equal(response->r, 0);
	answer->done = true;
	answer->status = response->status;
	snprintf(answer->body, sizeof(answer->body), "%.*s", SPAN_FMT(response->body));
}

static void ask(struct control_stage *stage, const char *method, const char *path, bool changing,
		struct answer *ret_answer)
{
	struct fetcher *fetcher;
	struct http_fetch *fetch;
	char url[256], where[ADDR_TEXT_MAX];

	*ret_answer = (struct answer){ .done = false };
	snprintf(url, sizeof(url), "http://%s%s",
		 addr_text(admin_addr(stage->control->admin), where), path);
	const struct fetch_request request = { .url = url,
					       .method = method,
					       .unix_socket = changing ? stage->admin_socket : NULL,
					       .timeout_ms = 5000,
					       .max_body_bytes = 65535 };
	assert_int_equal(fetcher_new(stage->loop, &fetcher), 0);
	assert_int_equal(fetch_start(fetcher, &request, on_answer, ret_answer, &fetch), 0);
	EDGE_LOOP_UNTIL(stage->loop, ret_answer->done);
	fetcher_free(fetcher);
}

static void status_is_json_of_all_that_is_known(void **state)
{
	struct control_stage stage;
	struct answer answer;
	char reterr[160];

	(void)state;
	control_stage_open(&stage, control_stage_usual);
	ask(&stage, "GET", "/status", false, &answer);
	assert_int_equal(answer.status, 200);
	CLEANUP(json_drop)
	json_t *root = json_from(span_str(answer.body), 65536, reterr, sizeof(reterr));
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "program")), "meridian-edge");
	assert_string_equal(json_string_value(json_object_get(root, "node")), "n");
	assert_true(json_is_false(json_object_get(root, "draining")));
	const json_t *pool = json_array_get(json_object_get(root, "pools"), 0);
	assert_string_equal(json_string_value(json_object_get(pool, "name")), "app");
	const json_t *origin = json_array_get(json_object_get(pool, "origins"), 1);
	assert_string_equal(json_string_value(json_object_get(origin, "address")), "127.0.0.1:2");
	assert_string_equal(json_string_value(json_object_get(origin, "health")), "unknown");
	const json_t *service = json_array_get(json_object_get(root, "services"), 0);
	assert_string_equal(json_string_value(json_object_get(service, "health")), "up");
	control_stage_close(&stage);
}

static void drain_is_switched_on_and_off(void **state)
{
	struct control_stage stage;
	struct answer answer;

	(void)state;
	control_stage_open(&stage, control_stage_usual);
	ask(&stage, "POST", "/drain?on=1", false, &answer);
	assert_int_equal(answer.status, 403);
	assert_false(control_is_draining(stage.control));
	ask(&stage, "POST", "/drain?on=1", true, &answer);
	assert_int_equal(answer.status, 200);
	assert_true(control_is_draining(stage.control));
	ask(&stage, "GET", "/healthz", false, &answer);
	assert_int_equal(answer.status, 503);
	ask(&stage, "POST", "/drain?on=2", true, &answer);
	assert_int_equal(answer.status, 400);
	ask(&stage, "POST", "/drain?on=0", true, &answer);
	assert_false(control_is_draining(stage.control));
	control_stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_is_json_of_all_that_is_known),
		cmocka_unit_test(drain_is_switched_on_and_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
