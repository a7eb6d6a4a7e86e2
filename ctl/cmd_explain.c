/* SPDX-License-Identifier: Apache-2.0
 *
 * meridianctl explain: the steps by which a GTM chose, as it tells them.
 */
#include "core/obj.h"
#include "ctl/command.h"
#include "ctl/table.h"

static const char *string_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static void print_answer(struct buf *out, const json_t *answer)
{
	const json_t *address;
	size_t i;

	buf_add_str(out, "answer    ");
	text_add_plain(out, string_at(answer, "region"));
	json_array_foreach(json_object_get(answer, "addresses"), i, address)
	{
		buf_add_byte(out, ' ');
		text_add_plain(out, json_string_value(address) ? json_string_value(address) : "-");
	}
	buf_printf(out, "  TTL %lld s",
		   (long long)json_integer_value(json_object_get(answer, "ttl_s")));
	const json_t *scope = json_object_get(answer, "scope");
	if (json_is_integer(scope))
		buf_printf(out, "  scope /%lld", (long long)json_integer_value(scope));
	buf_add_byte(out, '\n');
}

static int print_explanation(struct buf *out, const json_t *root)
{
	static const char *const headings[] = { "STEP", "WHAT WAS SEEN" };
	struct grid *table;
	const json_t *step;
	size_t i;
	int r = grid_new(headings, ARRAY_LEN(headings), &table);

	if (r < 0)
		return r;
	buf_add_str(out, "name      ");
	text_add_plain(out, string_at(root, "name"));
	buf_add_str(out, "\nclient    ");
	text_add_plain(out, string_at(root, "client"));
	buf_add_byte(out, '\n');
	if (json_is_object(json_object_get(root, "answer")))
		print_answer(out, json_object_get(root, "answer"));
	buf_add_byte(out, '\n');
	json_array_foreach(json_object_get(root, "steps"), i, step)
	{
		grid_cell(table, "%s", string_at(step, "step"));
		grid_cell(table, "%s", string_at(step, "text"));
	}
	r = grid_print(table, out);
	grid_free(table);
	return r;
}

static int explain(struct ctl *ctl, const struct ask *ask, bool as_json)
{
	char reterr[ASK_ERROR_MAX];
	json_t *got = NULL;

	if (ctl->ask(ask, &got, reterr) < 0)
		return command_fail(ctl, COMMAND_FAILED, "%s", reterr);
	CLEANUP(json_drop) json_t *root = got;
	if (as_json) {
		json_into(&ctl->out, root);
		buf_add_byte(&ctl->out, '\n');
		return COMMAND_OK;
	}
	if (!json_is_array(json_object_get(root, "steps")))
		return command_fail(ctl, COMMAND_FAILED, "%s: no explanation: is this a GTM?",
				    ask->admin);
	if (print_explanation(&ctl->out, root) < 0)
		return command_fail(ctl, COMMAND_FAILED, "out of memory");
	return COMMAND_OK;
}

int cmd_explain(struct ctl *ctl, int argc, char **argv)
{
	const char *admin = NULL, *client = NULL;
	bool as_json = false;
	const struct command_option options[] = {
		{ "admin", &admin, NULL },
		{ "client", &client, NULL },
		{ "json", NULL, &as_json },
		{ .name = NULL },
	};
	struct buf path;

	if (command_options(ctl, options, &argc, argv) != COMMAND_OK)
		return COMMAND_USAGE;
	if (argc != 2 || !client)
		return command_fail(ctl, COMMAND_USAGE,
				    "usage: meridianctl explain NAME --client PREFIX");
	buf_init(&path, 2048);
	buf_add_str(&path, "/explain?name=");
	ask_add_escaped(&path, argv[1]);
	buf_add_str(&path, "&client=");
	ask_add_escaped(&path, client);
	const struct ask ask = { .admin = command_admin(admin), .path = buf_text(&path) };
	int status = path.failed ? command_fail(ctl, COMMAND_USAGE, "the name is too long")
				 : explain(ctl, &ask, as_json);
	buf_fini(&path);
	return status;
}
