/* SPDX-License-Identifier: Apache-2.0
 *
 * meridianctl drain: an edge says that it wants no new clients; it serves those that come.
 */
#include "ctl/command.h"

int cmd_drain(struct ctl *ctl, int argc, char **argv)
{
	const char *admin = NULL;
	const struct command_option options[] = {
		{ "admin", &admin, NULL },
		{ .name = NULL },
	};
	char reterr[ASK_ERROR_MAX];
	json_t *answer = NULL;

	if (command_options(ctl, options, &argc, argv) != COMMAND_OK)
		return COMMAND_USAGE;
	bool on = argc == 2 && strcmp(argv[1], "on") == 0;
	if (!on && (argc != 2 || strcmp(argv[1], "off") != 0))
		return command_fail(ctl, COMMAND_USAGE, "usage: meridianctl drain on|off");
	const struct ask ask = { .admin = command_admin(admin),
				 .path = on ? "/drain?on=1" : "/drain?on=0",
				 .post = true };
	if (ctl->ask(&ask, &answer, reterr) < 0)
		return command_fail(ctl, COMMAND_FAILED, "%s", reterr);
	json_decref(answer);
	buf_printf(&ctl->out, "%s: %s\n", ask.admin,
		   on ? "draining: GTMs answer with others from now on" : "not draining");
	return COMMAND_OK;
}
