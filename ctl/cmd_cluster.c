/* SPDX-License-Identifier: Apache-2.0
 *
 * meridianctl cluster: the operator's side of identity: the cluster's keys, and who is admitted.
 */
#include <stdio.h>
#include <time.h>

#include "cluster/identity/authority.h"
#include "cluster/identity/small_file.h"
#include "core/error.h"
#include "core/obj.h"
#include "ctl/command.h"

static int init(struct ctl *ctl, int argc, char **argv)
{
	const struct command_option none[] = { { .name = NULL } };
	char reterr[IDENTITY_ERROR_MAX] = "";

	if (command_options(ctl, none, &argc, argv) != COMMAND_OK)
		return COMMAND_USAGE;
	if (argc != 2)
		return command_fail(ctl, COMMAND_USAGE, "usage: meridianctl cluster init FOLDER");
	if (authority_init(argv[1], reterr) < 0)
		return command_fail(ctl, COMMAND_FAILED, "%s", reterr);
	buf_printf(
		&ctl->out,
		"%s/" AUTHORITY_KEY_FILE "   the cluster key: keep it here, and a copy in a safe\n"
		"%s/" AUTHORITY_KEYRING_FILE "  the keyring: copy it to every member, mode 0600\n",
		argv[1], argv[1]);
	return COMMAND_OK;
}

/* "edge", "gtm", or both with a comma. 0: neither. */
static unsigned roles_of(const char *text)
{
	struct span rest = span_str(text), word;
	unsigned roles = 0;

	while (span_cut(&rest, ',', &word)) {
		if (span_eq(word, SPAN_LIT("edge")))
			roles |= ROLE_EDGE;
		else if (span_eq(word, SPAN_LIT("gtm")))
			roles |= ROLE_GTM;
		else
			return 0;
	}
	return roles;
}

static int do_admit(struct ctl *ctl, const char *folder, const char *out,
		    const struct admission *admission)
{
	char reterr[IDENTITY_ERROR_MAX] = "", id_text[2 * MEMBER_ID_BYTES + 1];
	struct member_id id;

	if (authority_admit(folder, out, admission, &id, reterr) < 0)
		return command_fail(ctl, COMMAND_FAILED, "%s", reterr);
	hex_write(span_of(id.bytes, MEMBER_ID_BYTES), id_text);
	buf_printf(&ctl->out, "%s admitted as %s in %s for %lld days: %s\n", id_text,
		   admission->name, admission->region, (long long)admission->days, out);
	return COMMAND_OK;
}

static int admit(struct ctl *ctl, int argc, char **argv)
{
	struct admission admission = { .not_before_s = time(NULL), .days = AUTHORITY_DEFAULT_DAYS };
	const char *role = NULL, *out = NULL, *days = NULL;
	const struct command_option options[] = {
		{ "name", &admission.name, NULL }, { "region", &admission.region, NULL },
		{ "role", &role, NULL },           { "out", &out, NULL },
		{ "days", &days, NULL },           { .name = NULL },
	};
	uint64_t n_days;

	if (command_options(ctl, options, &argc, argv) != COMMAND_OK)
		return COMMAND_USAGE;
	if (argc != 2 || !admission.name || !admission.region || !role || !out)
		return command_fail(ctl, COMMAND_USAGE,
				    "usage: meridianctl cluster admit FOLDER --name NAME --region "
				    "REGION --role edge|gtm --out DIR [--days N]");
	admission.roles = roles_of(role);
	if (admission.roles == 0)
		return command_fail(ctl, COMMAND_USAGE, "no role '%s': expected edge or gtm", role);
	if (days) {
		if (!span_to_u64(span_str(days), 36500, &n_days) || n_days == 0)
			return command_fail(ctl, COMMAND_USAGE, "--days: expected 1 to 36500");
		admission.days = (int64_t)n_days;
	}
	return do_admit(ctl, argv[1], out, &admission);
}

int cmd_cluster(struct ctl *ctl, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "init") == 0)
		return init(ctl, argc - 1, argv + 1);
	if (strcmp(what, "admit") == 0)
		return admit(ctl, argc - 1, argv + 1);
	return command_fail(ctl, COMMAND_USAGE, "cluster: expected init or admit");
}
