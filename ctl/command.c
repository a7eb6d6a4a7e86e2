/* SPDX-License-Identifier: Apache-2.0
 *
 * command: finds the command, reads options. Options are few and long, so a dozen lines do; and
 * a misspelt one is said in our own words.
 */
#include "ctl/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/obj.h"

static const char default_admin[] = "127.0.0.1:9101";

const struct command commands[] = {
	{ "status", "[--json] [--admin ADDRESS]",
	  "shows members, regions, services, health and load", cmd_status },
	{ "explain", "NAME --client PREFIX [--json] [--admin ADDRESS]",
	  "says which region a GTM gives a client, and why", cmd_explain },
	{ "drain", "on|off [--admin ADDRESS]", "takes an edge out of the answers, or back in",
	  cmd_drain },
	{ "purge", "URL | --prefix URL | --tag TAG | --all [--soft] [--admin ADDRESS]",
	  "makes an edge forget what it has stored", cmd_purge },
	{ "cluster",
	  "init FOLDER | admit FOLDER --name NAME --region REGION --role edge|gtm --out DIR",
	  "makes a cluster's keys; admits a member", cmd_cluster },
	{ .name = NULL },
};

int command_fail(struct ctl *ctl, int status, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_add_str(&ctl->err, "meridianctl: ");
	buf_add_str(&ctl->err, text);
	buf_add_byte(&ctl->err, '\n');
	return status;
}

void command_help(struct buf *out)
{
	buf_add_str(out, "usage: meridianctl COMMAND\n\n");
	for (const struct command *command = commands; command->name; command++)
		buf_printf(out, "  %s %s\n      %s\n", command->name, command->usage,
			   command->help);
	buf_printf(out,
		   "\nADDRESS is a member's admin port: 127.0.0.1:9101 or "
		   "unix:/run/meridian/admin.sock; "
		   "without\nit, $MERIDIAN_ADMIN, else %s. Changes need the unix socket.\n",
		   default_admin);
}

int command_run(struct ctl *ctl, int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
		command_help(&ctl->out);
		return COMMAND_OK;
	}
	if (strcmp(name, "--version") == 0) {
		buf_add_str(&ctl->out, "meridianctl " MERIDIAN_VERSION "\n");
		return COMMAND_OK;
	}
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(command->name, name) == 0)
			return command->run(ctl, argc - 1, argv + 1);
	}
	if (name[0] != '\0')
		return command_fail(ctl, COMMAND_USAGE, "no command '%s'; try meridianctl --help",
				    name);
	command_help(&ctl->err);
	return COMMAND_USAGE;
}

static const struct command_option *find(const struct command_option *options, struct span name)
{
	for (; options->name; options++) {
		if (span_eq(span_str(options->name), name))
			return options;
	}
	return NULL;
}

int command_options(struct ctl *ctl, const struct command_option *options, int *argc, char **argv)
{
	int n = 1;

	for (int i = 1; i < *argc; i++) {
		struct span word = span_str(argv[i]), name = SPAN_NONE;

		if (!span_starts(word, SPAN_LIT("--")) || word.len == 2) {
			argv[n++] = argv[i];
			continue;
		}
		struct span rest = span_from(word, 2);
		(void)span_cut(&rest, '=', &name);
		const struct command_option *option = find(options, name);
		if (!option)
			return command_fail(ctl, COMMAND_USAGE, "%s: no option %s", argv[0],
					    argv[i]);
		if (option->flag)
			*option->flag = true;
		else if (rest.at)
			*option->value = (const char *)rest.at;
		else if (i + 1 < *argc)
			*option->value = argv[++i];
		else
			return command_fail(ctl, COMMAND_USAGE, "%s: --%s needs a value", argv[0],
					    option->name);
	}
	*argc = n;
	return COMMAND_OK;
}

const char *command_admin(const char *given)
{
	const char *set = given ? given : getenv("MERIDIAN_ADMIN");

	return set && set[0] != '\0' ? set : default_admin;
}
