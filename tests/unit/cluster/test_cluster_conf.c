/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster_conf: the two sections as an operator writes them, and what is said of wrong ones.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/cluster_conf.h"

struct both {
	struct node_conf node;
	struct cluster_conf cluster;
};

/* clang-format off */
static const struct conf_key both_keys[] = {
	CONF_SECTION(struct both, node, &node_section, CONF_REQUIRED, "who"),
	CONF_SECTION(struct both, cluster, &cluster_section, CONF_REQUIRED, "with whom"),
	CONF_END
};
/* clang-format on */
static const struct conf_section both_section = { .name = "file",
						  .struct_size = sizeof(struct both),
						  .keys = both_keys };

static struct both *read_both(const char *text, struct conf **ret_conf)
{
	void *root;

	assert_int_equal(conf_read_text(span_str(text), "t.yaml", &both_section, ret_conf, &root),
			 0);
	struct both *both = root;
	node_section_check(*ret_conf, &both->node);
	cluster_section_check(*ret_conf, &both->cluster);
	return both;
}

static void sections_are_bound(void **state)
{
	struct conf *conf;

	(void)state;
	struct both *both = read_both("node:\n"
				      "  name: eu-west-1a\n"
				      "  region: eu-west\n"
				      "  location: {latitude: 53.35, longitude: -6.26}\n"
				      "  addresses: [203.0.113.10, \"2001:db8:10::1\"]\n"
				      "  capacity: {requests_per_second: 20000}\n"
				      "cluster:\n"
				      "  listen: 10.0.1.5:7946\n"
				      "  join: [gtm-1.example.net:7946]\n"
				      "  keyring: /k\n"
				      "  identity: /i\n",
				      &conf);
	assert_int_equal(conf_n_errors(conf), 0);
	assert_string_equal(both->node.region, "eu-west");
	assert_true(both->node.location.set);
	assert_int_equal(both->node.n_addresses, 2);
	assert_int_equal(both->node.capacity.requests_per_second, 20000);
	assert_int_equal(addr_port(&both->cluster.listen), 7946);
	assert_int_equal(both->cluster.advertise.len, 0);
	assert_string_equal(both->cluster.join[0], "gtm-1.example.net:7946");
	assert_string_equal(both->cluster.keyring, "/k");
	conf_free(conf);
}

static void expect_error(const char *text, const char *error)
{
	struct buf errors;
	struct conf *conf;

	(void)read_both(text, &conf);
	buf_init(&errors, 65536);
	conf_print_errors(conf, &errors);
	if (!strstr(buf_text(&errors), error))
		fail_msg("no '%s' in: %s", error, buf_text(&errors));
	buf_fini(&errors);
	conf_free(conf);
}

static void wrong_values_are_named_with_their_place(void **state)
{
	(void)state;
	expect_error("node: {name: A B, region: r}\n", "t.yaml:1");
	expect_error("node: {name: A B, region: r}\n", "'A B' is no name of a member");
	expect_error("node: {name: a, region: R}\n", "'R' is no name of a region");
	expect_error("cluster: {listen: \"0.0.0.0:1\", keyring: /k, identity: /i}\n",
		     "unspecified address");
	expect_error("cluster: {listen: \"unix:/x\", keyring: /k, identity: /i}\n",
		     "not a unix socket");
	expect_error("cluster: {listen: \"10.0.0.1:1\", advertise: \"1.2.3.4:0\"}\n",
		     "where others reach us");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections_are_bound),
		cmocka_unit_test(wrong_values_are_named_with_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
