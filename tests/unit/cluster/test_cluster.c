/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster: real clusters on the loopback, several members in this process, each with a thread of
 * its own: they find each other, tell each other how they are, and notice who has gone.
 */
#include <arpa/inet.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/cluster/fixture.h"

#include "cluster/cluster.h"
#include "core/log.h"
#include "core/metrics.h"

enum { DEADLINE_MS = 30000, MAX_NODES = 4 };

struct world;
struct node {
	struct world *world;
	const char *name;
	enum member_role role;
	struct node_conf conf;
	struct cluster_conf cluster_conf;
	char keyring[SMALL_FILE_PATH_MAX], identity[SMALL_FILE_PATH_MAX];
	char seed[ADDR_TEXT_MAX];
	const char *join[1];
	struct addr address;
	struct sock_registry *socks;
	struct cluster *cluster;
	struct view *view;
};
struct world {
	char *folder;
	struct loop *loop;
	struct mailbox mailbox;
	struct node nodes[MAX_NODES];
	size_t n;
};

static void on_view(struct view *view, void *arg)
{
	struct node *node = arg;

	assert_true(!node->view || view->number > node->view->number);
	view_unref(node->view);
	node->view = view;
}

#define UNTIL(w, cond)                                                                             \
	do {                                                                                       \
		mono_t until_ = mono_add_ms(mono_read(), DEADLINE_MS);                             \
		while (!(cond) && mono_before(mono_read(), until_))                                \
			loop_turn((w)->loop, 20);                                                  \
		if (!(cond))                                                                       \
			fail_msg("never: %s", #cond);                                              \
	} while (0)

static struct world *world_make(void)
{
	struct world *w = calloc(1, sizeof(*w));

	w->folder = fixture_folder();
	assert_int_equal(loop_new("test", &w->loop), 0);
	assert_int_equal(mailbox_open(&w->mailbox, w->loop), 0);
	(void)fixture_authority(w->folder, "c");
	return w;
}

static int node_try(struct node *node)
{
	const struct cluster_start start = { .node = &node->conf,
					     .cluster = &node->cluster_conf,
					     .role = node->role,
					     .socks = node->socks };

	return cluster_start(&start, &node->cluster);
}

static void node_start(struct node *node)
{
	struct world *w = node->world;

	assert_int_equal(sock_registry_new(&node->socks), 0);
	assert_int_equal(node_try(node), 0);
	assert_int_equal(cluster_subscribe(node->cluster, &w->mailbox, on_view, node), 0);
	UNTIL(w, node->view);
}

/* Not started. */
static struct node *node_add(struct world *w, const char *name, const char *authority,
			     enum member_role role)
{
	struct node *node = &w->nodes[w->n++];

	fixture_admit(w->folder, authority, name, (unsigned)role);
	*node = (struct node){ .world = w, .name = name, .role = role };
	snprintf(node->keyring, sizeof(node->keyring), "%s",
		 fixture_path(fixture_path(w->folder, authority), "cluster.keys"));
	snprintf(node->identity, sizeof(node->identity), "%s", fixture_path(w->folder, name));
	assert_true(addr_parse_ip(SPAN_LIT("203.0.113.10"), &node->address));
	node->conf =
		(struct node_conf){ .name = name,
				    .region = "eu-west",
				    .location = { .latitude = 53, .longitude = -6, .set = true },
				    .addresses = &node->address,
				    .n_addresses = 1,
				    .capacity = { .requests_per_second = 100 } };
	node->cluster_conf = (struct cluster_conf){ .join = node->join,
						    .keyring = node->keyring,
						    .identity = node->identity };
	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &node->cluster_conf.listen));
	if (w->n > 1) {
		const struct view *view = w->nodes[0].view;

		addr_text(&view_member_by_id(view, &view->self)->gossip_addr, node->seed);
		node->join[0] = node->seed;
		node->cluster_conf.n_join = 1;
	}
	return node;
}

static struct node *node_run(struct world *w, const char *name, enum member_role role)
{
	struct node *node = node_add(w, name, "c", role);

	node_start(node);
	return node;
}

static void node_end(struct node *node, void (*how)(struct cluster *cluster))
{
	how(node->cluster);
	node->cluster = NULL;
	sock_registry_free(node->socks);
	node->socks = NULL;
	loop_turn(node->world->loop, 0); /* the views that are on their way */
	view_unref(node->view);
	node->view = NULL;
}

static void world_drop(struct world *w)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->nodes[i].cluster)
			node_end(&w->nodes[i], cluster_hand_over);
	}
	mailbox_close(&w->mailbox);
	loop_free(w->loop);
	fixture_folder_free(w->folder);
	free(w);
}

/* As `by` sees the member of that name; one without a name when it does not. */
static const struct view_member *seen(const struct node *by, const char *name)
{
	static const struct view_member nobody = { .name = "", .version = "", .region = "" };

	for (size_t i = 0; by->view && i < by->view->n_members; i++) {
		if (strcmp(by->view->members[i].name, name) == 0)
			return &by->view->members[i];
	}
	return &nobody;
}

static bool is(const struct node *by, const char *name, enum member_state state)
{
	const struct view_member *member = seen(by, name);

	return member->name[0] != '\0' && member->state == state;
}

static bool all_alive(const struct world *w)
{
	for (size_t i = 0; i < w->n; i++) {
		for (size_t k = 0; k < w->n; k++) {
			if (!is(&w->nodes[i], w->nodes[k].name, MEMBER_ALIVE))
				return false;
		}
	}
	return true;
}

/* What `by` knows of a member's service; a health of UNKNOWN when nothing. */
static enum health_state health(const struct node *by, const char *name, const char *what)
{
	const struct view_service *service = view_service_by_name(seen(by, name), what);

	return service ? service->health : HEALTH_UNKNOWN;
}

static void three_members_find_each_other_and_tell_how_they_are(void **state)
{
	const struct service_report services[] = {
		{ .name = "web",
		  .health = HEALTH_UP,
		  .share_pct = 100,
		  .n_origins = 2,
		  .n_origins_up = 2 },
		{ .name = "api", .health = HEALTH_DOWN, .n_origins = 1 },
	};
	struct world *w = world_make();
	struct node *a = node_run(w, "a", ROLE_EDGE), *b = node_run(w, "b", ROLE_EDGE);
	struct node *g = node_run(w, "g", ROLE_GTM);

	(void)state;
	UNTIL(w, all_alive(w));
	assert_int_equal(cluster_report_services(a->cluster, services, 2), 0);
	assert_int_equal(cluster_report_load(a->cluster, 123, 45), 0);
	assert_int_equal(cluster_report_drain(b->cluster, true), 0);
	UNTIL(w, health(g, "a", "web") == HEALTH_UP && seen(g, "a")->load_rps == 123 &&
			 seen(g, "b")->draining);
	assert_int_equal(health(g, "a", "api"), HEALTH_DOWN);
	const struct view_member *member = seen(g, "a");
	assert_string_equal(member->region, "eu-west");
	assert_string_equal(member->version, MERIDIAN_VERSION);
	assert_int_equal(member->roles, ROLE_EDGE);
	assert_int_equal(member->capacity_rps, 100);
	assert_int_equal(member->n_addresses, 1);
	assert_true(addr_eq(&member->addresses[0], &a->address));
	assert_true(member->has_location && member->latitude == 53);
	assert_int_equal(member->open_connections, 45);
	assert_int_equal(cluster_report_services(a->cluster, services, 1), 0);
	assert_int_equal(cluster_report_drain(b->cluster, false), 0);
	UNTIL(w, health(g, "a", "api") == HEALTH_UNKNOWN && !seen(g, "b")->draining);
	world_drop(w);
}

static void many_services_come_in_pages_and_go(void **state)
{
	static struct service_report services[769];
	static char names[769][16];
	struct world *w = world_make();
	struct node *a = node_run(w, "a", ROLE_EDGE), *g = node_run(w, "g", ROLE_GTM);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		snprintf(names[i], sizeof(names[i]), "s%zu", i);
		services[i] = (struct service_report){ .name = names[i], .health = HEALTH_UP };
	}
	assert_int_equal(cluster_report_services(a->cluster, services, 769), -EINVAL);
	assert_int_equal(cluster_report_services(a->cluster, services, 200), 0);
	UNTIL(w, seen(g, "a")->n_services == 200);
	assert_int_equal(cluster_report_services(a->cluster, services, 3), 0);
	UNTIL(w, seen(g, "a")->n_services == 3);
	services[0].share_pct = 101;
	assert_int_equal(cluster_report_services(a->cluster, services, 1), -EINVAL);
	world_drop(w);
}

static void killed_member_is_seen_dead_and_comes_back(void **state)
{
	struct world *w = world_make();
	struct node *a = node_run(w, "a", ROLE_EDGE), *b = node_run(w, "b", ROLE_EDGE);
	struct node *g = node_run(w, "g", ROLE_GTM);

	(void)state;
	UNTIL(w, all_alive(w));
	uint64_t incarnation = seen(a, "b")->incarnation;
	node_end(b, cluster_hand_over); /* without a word; then its sockets close */
	UNTIL(w, is(a, "b", MEMBER_DEAD) && is(g, "b", MEMBER_DEAD));
	node_start(b);
	UNTIL(w, all_alive(w));
	assert_true(seen(a, "b")->incarnation > incarnation);
	world_drop(w);
}

static void leaving_member_is_seen_to_leave(void **state)
{
	struct world *w = world_make();
	struct node *a = node_run(w, "a", ROLE_EDGE), *b = node_run(w, "b", ROLE_EDGE);

	(void)state;
	UNTIL(w, all_alive(w));
	node_end(b, cluster_stop);
	UNTIL(w, is(a, "b", MEMBER_LEFT));
	world_drop(w);
}

static bool log_has(const char *path, const char *text)
{
	struct buf buf;

	buf_init(&buf, 1024 * 1024);
	(void)small_file_read(path, &buf);
	bool has = strstr(buf_text(&buf), text) != NULL;
	buf_fini(&buf);
	return has;
}

static void wrong_cluster_key_is_told_refused_and_counted(void **state)
{
	struct world *w = world_make();
	struct node *a = node_run(w, "a", ROLE_EDGE);
	char path[SMALL_FILE_PATH_MAX];
	const struct log_conf log = {
		.level = LOG_LEVEL_INFO, .target = LOG_TARGET_FILE, .file = path, .name = "test"
	};

	assert_int_equal(small_file_path(w->folder, "log", path), 0);
	(void)state;
	(void)fixture_authority(w->folder, "c2");
	struct node *m = node_add(w, "m", "c2", ROLE_EDGE);
	assert_int_equal(log_open(&log), 0);
	node_start(m);
	UNTIL(w, log_has(path, "cluster.refused"));
	assert_true(log_has(path, "cluster.rejected"));
	assert_true(log_has(path, "other_group"));
	assert_true(metric_read("meridian_cluster_rejected_total", "reason=\"other_group\"") > 0);
	assert_string_equal(seen(a, "m")->name, "");
	assert_int_equal(m->view->n_members, 1);
	log_close();
	world_drop(w);
}

static void what_does_not_fit_does_not_start(void **state)
{
	struct world *w = world_make();
	struct node *a = node_add(w, "a", "c", ROLE_EDGE);

	(void)state;
	assert_int_equal(sock_registry_new(&a->socks), 0);
	a->role = ROLE_GTM;
	assert_int_equal(node_try(a), -EINVAL);
	a->role = ROLE_EDGE;
	a->conf.name = "b";
	assert_int_equal(node_try(a), -EINVAL);
	a->conf.name = "a";
	a->conf.region = "us-east";
	assert_int_equal(node_try(a), -EINVAL);
	a->conf.region = "eu-west";
	a->cluster_conf.keyring = "/nonexistent";
	assert_int_equal(node_try(a), -ENOENT);
	a->cluster_conf.keyring = a->keyring;
	a->cluster_conf.identity = "/nonexistent";
	assert_int_equal(node_try(a), -ENOENT);
	cluster_stop(NULL);
	sock_registry_free(a->socks);
	world_drop(w);
}

/* Every second port of that address that the kernel gives out, held for TCP. */
static size_t ports_hold(const char *ip, int *fds, size_t max_fds)
{
	const struct rlimit many = { max_fds + 1000, max_fds + 1000 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	size_t n = 0;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &many), 0);
	assert_int_equal(inet_pton(AF_INET, ip, &in.sin_addr), 1);
	for (unsigned port = 32768; port < 61000 && n < max_fds; port += 2) {
		in.sin_port = htons((uint16_t)port);
		fds[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(fds[n] >= 0);
		if (bind(fds[n], (struct sockaddr *)&in, sizeof(in)) == 0)
			n++;
		else
			close(fds[n]);
	}
	return n;
}

static void port_that_only_udp_has_free_is_not_taken(void **state)
{
	static int fds[14200];
	size_t n_fds = ports_hold("127.9.8.7", fds, ARRAY_LEN(fds));
	struct world *w = world_make();
	struct node *a = node_add(w, "a", "c", ROLE_EDGE);

	(void)state;
	assert_true(addr_parse(SPAN_LIT("127.9.8.7:0"), &a->cluster_conf.listen));
	for (int i = 0; i < 8; i++) {
		node_start(a);
		node_end(a, cluster_hand_over);
	}
	while (n_fds > 0)
		close(fds[--n_fds]);
	world_drop(w);
}

static int metrics_forget(void **state)
{
	(void)state;
	metrics_reset();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_members_find_each_other_and_tell_how_they_are),
		cmocka_unit_test(many_services_come_in_pages_and_go),
		cmocka_unit_test(killed_member_is_seen_dead_and_comes_back),
		cmocka_unit_test(leaving_member_is_seen_to_leave),
		cmocka_unit_test(wrong_cluster_key_is_told_refused_and_counted),
		cmocka_unit_test(what_does_not_fit_does_not_start),
		cmocka_unit_test(port_that_only_udp_has_free_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, metrics_forget);
}
