/* SPDX-License-Identifier: Apache-2.0
 *
 * ask: a loop for the time of one fetch.
 */
#include "ctl/ask.h"

#include <stdio.h>

#include "core/error.h"
#include "core/net/fetch.h"

struct asking {
	const struct ask *ask;
	struct loop *loop;
	char *reterr;
	json_t *json;
	int r;
};

void ask_add_escaped(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		uint8_t c = (uint8_t)*text;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || strchr("-._~", c);

		if (plain)
			buf_add_byte(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static int fault(const struct asking *asking, const char *text)
{
	snprintf(asking->reterr, ASK_ERROR_MAX, "%s: %s", asking->ask->admin, text);
	return err_new(-EIO);
}

/* Our admin pages say what is wrong as {"error": …}. */
static int refused(const struct asking *asking, const struct fetch_response *response, json_t *json)
{
	const char *error = json_string_value(json_object_get(json, "error"));
	char text[64];

	snprintf(text, sizeof(text), "it answered %ld", response->status);
	return fault(asking, error ? error : text);
}

static int take(struct asking *asking, const struct fetch_response *response)
{
	char parse_error[160] = "";

	if (response->r < 0)
		return fault(asking, response->error ? response->error : err_text(response->r));
	CLEANUP(json_drop)
	json_t *json = response->body.len == 0 ? NULL
					       : json_from(response->body, ASK_MAX_BYTES,
							   parse_error, sizeof(parse_error));
	if (response->status != 200)
		return refused(asking, response, json);
	if (!json && response->body.len > 0)
		return fault(asking, "its answer is not JSON: is this a Meridian admin port?");
	asking->json = TAKE(json);
	return 0;
}

static void on_fetched(const struct fetch_response *response, void *arg)
{
	struct asking *asking = arg;

	asking->r = take(asking, response);
	loop_stop(asking->loop);
}

static int run(struct asking *asking, const char *url, const char *unix_socket)
{
	const struct fetch_request request = {
		.url = url,
		.method = asking->ask->post ? "POST" : "GET",
		.unix_socket = unix_socket,
		.timeout_ms = ASK_TIMEOUT_MS,
		.max_body_bytes = ASK_MAX_BYTES,
		.fresh_connection = true,
	};
	struct http_fetch *fetch;
	struct fetcher *fetcher;
	int r = fetcher_new(asking->loop, &fetcher);

	if (r < 0)
		return err_pass(r);
	r = fetch_start(fetcher, &request, on_fetched, asking, &fetch);
	if (r == 0)
		r = loop_run(asking->loop);
	fetcher_free(fetcher);
	return r < 0 ? err_pass(r) : asking->r;
}

int ask_admin(const struct ask *ask, json_t **ret_json,
	      char *reterr) /* NOLINT(readability-non-const-parameter): written through asking */
{
	struct asking asking = { .ask = ask, .reterr = reterr };
	struct span admin = span_str(ask->admin);
	bool is_unix = span_starts(admin, SPAN_LIT("unix:"));
	struct buf url;

	(void)fault(&asking, "it cannot be asked");
	int r = loop_new("ask", &asking.loop);
	if (r < 0)
		return err_pass(r);
	buf_init(&url, 4096);
	buf_printf(&url, "http://%s%s", is_unix ? "localhost" : ask->admin, ask->path);
	r = url.failed ? err_new(-EINVAL)
		       : run(&asking, buf_text(&url), is_unix ? ask->admin + 5 : NULL);
	buf_fini(&url);
	loop_free(asking.loop);
	if (r < 0)
		return err_pass(r);
	*ret_json = asking.json;
	return 0;
}
