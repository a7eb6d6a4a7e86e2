/* SPDX-License-Identifier: Apache-2.0
 *
 * meridianctl status: one member's view of the cluster, as three tables: members, regions,
 * services.
 */
#include "core/error.h"
#include "core/obj.h"
#include "ctl/command.h"
#include "ctl/table.h"

enum { MAX_REGIONS = 1024 };

static const char *string_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static long long number_at(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static bool is_alive(const json_t *member)
{
	const char *state = string_at(member, "state");

	return strcmp(state, "alive") == 0 || strcmp(state, "suspect") == 0;
}

static bool is_draining(const json_t *member)
{
	return json_is_true(json_object_get(member, "draining"));
}

static bool has_role(const json_t *member, const char *role)
{
	const json_t *word;
	size_t i;

	json_array_foreach(json_object_get(member, "roles"), i, word)
	{
		if (json_string_value(word) && strcmp(json_string_value(word), role) == 0)
			return true;
	}
	return false;
}

static const char *role_text(const json_t *member)
{
	bool edge = has_role(member, "edge"), gtm = has_role(member, "gtm");

	if (edge && gtm)
		return "edge,gtm";
	return edge ? "edge" : gtm ? "gtm" : "";
}

/* "37%", or nothing where there is no capacity to compare with. */
static void load_cell(struct grid *table, long long load, long long capacity)
{
	if (capacity > 0)
		grid_cell(table, "%lld%%", (100 * load + capacity / 2) / capacity);
	else
		grid_cell(table, "-");
}

static int print_members(struct buf *out, const json_t *members, const char *self)
{
	static const char *const headings[] = { "MEMBER", "REGION", "ROLE",   "STATE",  "GOSSIP",
						">REQ/S", ">LOAD",  ">CONNS", "VERSION" };
	struct grid *table;
	const json_t *member;
	size_t i;
	int r = grid_new(headings, ARRAY_LEN(headings), &table);

	if (r < 0)
		return err_pass(r);
	json_array_foreach(members, i, member)
	{
		bool ours = strcmp(string_at(member, "id"), self) == 0;

		grid_cell(table, "%.40s%s", string_at(member, "name"), ours ? " *" : "");
		grid_cell(table, "%.24s", string_at(member, "region"));
		grid_cell(table, "%s", role_text(member));
		grid_cell(table, "%s%s", string_at(member, "state"),
			  is_draining(member) ? ", draining" : "");
		grid_cell(table, "%s", string_at(member, "gossip"));
		grid_cell(table, "%lld", number_at(member, "load_rps"));
		load_cell(table, number_at(member, "load_rps"), number_at(member, "capacity_rps"));
		grid_cell(table, "%lld", number_at(member, "open_connections"));
		grid_cell(table, "%.16s", string_at(member, "version"));
	}
	r = grid_print(table, out);
	grid_free(table);
	return r < 0 ? err_pass(r) : 0;
}

struct region_sum {
	const char *name;
	long long n_edges, n_alive, n_draining, load, capacity;
};

static void add_to_region(struct region_sum *sum, const json_t *member)
{
	sum->n_edges++;
	if (!is_alive(member))
		return;
	sum->n_alive++;
	sum->n_draining += is_draining(member);
	sum->load += number_at(member, "load_rps");
	sum->capacity += number_at(member, "capacity_rps");
}

static int compare_regions(const void *a, const void *b)
{
	const struct region_sum *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Returns the number of regions that have edges, sorted by name. */
static size_t sum_regions(const json_t *members, struct region_sum *sums)
{
	const json_t *member;
	size_t i, n = 0;

	json_array_foreach(members, i, member)
	{
		const char *region = string_at(member, "region");
		size_t at = 0;

		if (!has_role(member, "edge"))
			continue;
		while (at < n && strcmp(sums[at].name, region) != 0)
			at++;
		if (at == MAX_REGIONS)
			continue;
		if (at == n)
			sums[n++] = (struct region_sum){ .name = region };
		add_to_region(&sums[at], member);
	}
	if (n > 0)
		qsort(sums, n, sizeof(sums[0]), compare_regions);
	return n;
}

static int print_regions(struct buf *out, const json_t *members)
{
	static const char *const headings[] = { "REGION",    ">EDGES", ">ALIVE", ">DRAINING",
						">CAPACITY", ">REQ/S", ">LOAD" };
	struct region_sum *sums = calloc(MAX_REGIONS, sizeof(*sums));
	struct grid *table;

	if (!sums)
		return err_new(-ENOMEM);
	int r = grid_new(headings, ARRAY_LEN(headings), &table);
	if (r < 0) {
		free(sums);
		return err_pass(r);
	}
	size_t n = sum_regions(members, sums);
	for (size_t i = 0; i < n; i++) {
		grid_cell(table, "%.40s", sums[i].name);
		grid_cell(table, "%lld", sums[i].n_edges);
		grid_cell(table, "%lld", sums[i].n_alive);
		grid_cell(table, "%lld", sums[i].n_draining);
		grid_cell(table, "%lld", sums[i].capacity);
		grid_cell(table, "%lld", sums[i].load);
		load_cell(table, sums[i].load, sums[i].capacity);
	}
	r = grid_print(table, out);
	grid_free(table);
	free(sums);
	return r < 0 ? err_pass(r) : 0;
}

static void service_row(struct grid *table, const json_t *member, const json_t *service)
{
	grid_cell(table, "%.40s", string_at(service, "name"));
	grid_cell(table, "%.24s", string_at(member, "region"));
	grid_cell(table, "%.40s", string_at(member, "name"));
	grid_cell(table, "%s", is_alive(member) ? string_at(service, "health") : "gone");
	grid_cell(table, "%lld/%lld", number_at(service, "origins_up"),
		  number_at(service, "origins"));
	grid_cell(table, "%lld%%", number_at(service, "share_pct"));
}

static int print_services(struct buf *out, const json_t *members)
{
	static const char *const headings[] = { "SERVICE", "REGION",   "MEMBER",
						"HEALTH",  ">ORIGINS", ">SHARE" };
	const json_t *member, *service;
	struct grid *table;
	size_t i, k;
	int r = grid_new(headings, ARRAY_LEN(headings), &table);

	if (r < 0)
		return err_pass(r);
	json_array_foreach(members, i, member)
	{
		json_array_foreach(json_object_get(member, "services"), k, service)
			service_row(table, member, service);
	}
	r = grid_print(table, out);
	grid_free(table);
	return r < 0 ? err_pass(r) : 0;
}

static int compare_members(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;
	int by_region = strcmp(string_at(*x, "region"), string_at(*y, "region"));

	return by_region != 0 ? by_region : strcmp(string_at(*x, "name"), string_at(*y, "name"));
}

/* By region and name, as people look for them; the view has them by id. */
static json_t *sorted(json_t *members)
{
	size_t n = json_array_size(members);
	json_t **list = calloc(n + 1, sizeof(json_t *)), *result = json_array();

	for (size_t i = 0; list && i < n; i++)
		list[i] = json_array_get(members, i);
	if (list)
		qsort(list, n, sizeof(json_t *), compare_members);
	for (size_t i = 0; list && i < n; i++)
		json_array_append(result, list[i]);
	free(list);
	return result;
}

static int print_status(struct buf *out, const json_t *root)
{
	const json_t *view = json_object_get(root, "view");
	CLEANUP(json_drop) json_t *members = sorted(json_object_get(view, "members"));
	int r = print_members(out, members, string_at(view, "self"));

	buf_add_byte(out, '\n');
	if (r == 0)
		r = print_regions(out, members);
	buf_add_byte(out, '\n');
	if (r == 0)
		r = print_services(out, members);
	buf_add_str(out, "\n* as seen by ");
	text_add_plain(out, string_at(root, "node"));
	buf_add_str(out, " (");
	text_add_plain(out, string_at(root, "program"));
	buf_add_byte(out, ' ');
	text_add_plain(out, string_at(root, "version"));
	buf_add_str(out, ")\n");
	return r < 0 ? err_pass(r) : 0;
}

int cmd_status(struct ctl *ctl, int argc, char **argv)
{
	const char *admin = NULL;
	bool as_json = false;
	const struct command_option options[] = {
		{ "admin", &admin, NULL },
		{ "json", NULL, &as_json },
		{ .name = NULL },
	};
	char reterr[ASK_ERROR_MAX];
	json_t *got = NULL;

	if (command_options(ctl, options, &argc, argv) != COMMAND_OK)
		return COMMAND_USAGE;
	if (argc != 1)
		return command_fail(ctl, COMMAND_USAGE, "usage: meridianctl status [--json]");
	const struct ask ask = { .admin = command_admin(admin), .path = "/status" };
	if (ctl->ask(&ask, &got, reterr) < 0)
		return command_fail(ctl, COMMAND_FAILED, "%s", reterr);
	CLEANUP(json_drop) json_t *root = got;
	if (as_json) {
		json_into(&ctl->out, root);
		buf_add_byte(&ctl->out, '\n');
		return COMMAND_OK;
	}
	if (!json_is_array(json_object_get(json_object_get(root, "view"), "members")))
		return command_fail(ctl, COMMAND_FAILED, "%s: its answer has no view of a cluster",
				    ask.admin);
	if (print_status(&ctl->out, root) < 0)
		return command_fail(ctl, COMMAND_FAILED, "out of memory");
	return COMMAND_OK;
}
