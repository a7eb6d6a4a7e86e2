/* SPDX-License-Identifier: Apache-2.0
 *
 * meridianctl purge: an edge forgets what it has stored, or takes it for stale.
 */
#include "ctl/command.h"

enum { PATH_MAX_BYTES = 16 * 1024 };

struct wish {
	const char *url, *prefix, *tag;
	bool all, soft;
};

/* How many of them were said. */
static unsigned n_said(const struct wish *wish)
{
	return (wish->url != NULL) + (wish->prefix != NULL) + (wish->tag != NULL) + wish->all;
}

static void path_compose(const struct wish *wish, struct buf *path)
{
	const char *value = wish->url ? wish->url : wish->prefix ? wish->prefix : wish->tag;

	buf_printf(path, "/purge?%s=",
		   wish->url      ? "url"
		   : wish->prefix ? "prefix"
		   : wish->tag    ? "tag"
				  : "all");
	ask_add_escaped(path, value ? value : "1");
	if (wish->soft)
		buf_add_str(path, "&soft=1");
}

static int ask_purge(struct ctl *ctl, const char *admin, const char *path, json_int_t *ret_n)
{
	const struct ask ask = { .admin = admin, .path = path, .post = true };
	char reterr[ASK_ERROR_MAX];
	json_t *answer = NULL;

	if (ctl->ask(&ask, &answer, reterr) < 0)
		return command_fail(ctl, COMMAND_FAILED, "%s", reterr);
	*ret_n = json_integer_value(json_object_get(answer, "records"));
	json_decref(answer);
	return COMMAND_OK;
}

int cmd_purge(struct ctl *ctl, int argc, char **argv)
{
	const char *admin = NULL;
	struct wish wish = { .url = NULL };
	const struct command_option options[] = {
		{ "admin", &admin, NULL },    { "prefix", &wish.prefix, NULL },
		{ "tag", &wish.tag, NULL },   { "all", NULL, &wish.all },
		{ "soft", NULL, &wish.soft }, { .name = NULL },
	};
	json_int_t n = 0;
	struct buf path;

	if (command_options(ctl, options, &argc, argv) != COMMAND_OK)
		return COMMAND_USAGE;
	if (argc == 2)
		wish.url = argv[1];
	if (argc > 2 || n_said(&wish) != 1)
		return command_fail(
			ctl, COMMAND_USAGE,
			"usage: meridianctl purge URL | --prefix URL | --tag TAG | --all");
	buf_init(&path, PATH_MAX_BYTES);
	path_compose(&wish, &path);
	int r = ask_purge(ctl, command_admin(admin), buf_text(&path), &n);
	buf_fini(&path);
	if (r != COMMAND_OK)
		return r;
	buf_printf(&ctl->out, "%s: %s\n", command_admin(admin),
		   n ? (wish.soft ? "stale from now on" : "purged")
		     : "nothing that it could mean is ever stored");
	return COMMAND_OK;
}
