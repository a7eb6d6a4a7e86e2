/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of edge/edge_certs: from a configuration to sets, and when their files have changed.
 */
#include "edge/edge_certs.h"

#include "edge_test.h"
#include "tests/unit/core/net/net_test.h"

static const char *const files[] = { "a.crt", "a.key", "b.crt", "b.key", NULL };

struct stage {
	struct test_folder folder;
	struct conf *conf;
	const struct edge_conf *edge;
	struct tls_tickets *tickets;
	unsigned n_faults;
	const void *place;
	char text[256];
};

static void on_fault(void *arg, const void *place, const char *text)
{
	struct stage *stage = arg;

	stage->n_faults++;
	stage->place = place;
	snprintf(stage->text, sizeof(stage->text), "%s", text);
}

/* One plain listener, one with `tls`, in which %1$s is the folder. */
static void stage_open(struct stage *stage, const char *tls_format)
{
	char text[2048], tls[1024];
	void *root;

	*stage = (struct stage){ .n_faults = 0 };
	test_folder_make(&stage->folder);
	cert_make(&stage->folder, "a", "a.test", "DNS:a.test");
	cert_make(&stage->folder, "b", "b.test", "DNS:b.test");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(tls, sizeof(tls), tls_format, stage->folder.path);
#pragma GCC diagnostic pop
	snprintf(
		text, sizeof(text),
		"node: {name: n, region: r}\nlisteners:\n"
		"  - {name: plain, address: '127.0.0.1:0'}\n"
		"  - {name: https, address: '127.0.0.1:0', http: http1, tls: {%s}}\n"
		"services: [{name: w, hosts: ['*'], routes: [{path: {prefix: /}, respond: {}}]}]\n",
		tls);
	assert_int_equal(conf_read_text(span_str(text), "test", &edge_section, &stage->conf, &root),
			 0);
	assert_int_equal(conf_n_errors(stage->conf), 0);
	stage->edge = root;
	assert_int_equal(tls_tickets_new(&stage->tickets), 0);
}

static void stage_close(struct stage *stage)
{
	tls_tickets_unref(stage->tickets);
	conf_free(stage->conf);
	test_folder_remove(&stage->folder, files);
}

static void listeners_get_their_sets(void **state)
{
	struct edge_certs *certs;
	struct stage stage;

	(void)state;
	stage_open(
		&stage,
		"strict_sni: true, certificates: [{certificate: '%1$s/a.crt', key: '%1$s/a.key'}, "
		"{certificate: '%1$s/b.crt', key: '%1$s/b.key'}]");
	assert_int_equal(edge_certs_new(stage.edge, stage.tickets, on_fault, &stage, &certs), 0);
	assert_int_equal(stage.n_faults, 0);
	assert_int_equal(certs->n_sets, 2);
	assert_null(certs->sets[0]);
	assert_int_equal(cert_set_count(certs->sets[1]), 2);
	assert_non_null(cert_set_find(certs->sets[1], SPAN_LIT("b.test")));
	assert_null(cert_set_find(certs->sets[1], SPAN_LIT("c.test")));
	edge_certs_unref(certs);
	edge_certs_unref(NULL);
	stage_close(&stage);
}

static void faults_have_their_place(void **state)
{
	struct edge_certs *certs;
	struct stage stage;

	(void)state;
	stage_open(&stage, "certificates: [{certificate: '%1$s/a.crt', key: '%1$s/b.key'}, "
			   "{certificate: '%1$s/b.crt', key: '%1$s/b.key'}]");
	assert_int_equal(edge_certs_new(stage.edge, stage.tickets, on_fault, &stage, &certs), 0);
	assert_int_equal(stage.n_faults, 1);
	assert_ptr_equal(stage.place, &stage.edge->listeners[1].tls.certificates[0].certificate);
	assert_non_null(strstr(stage.text, "b.key: no private key of this certificate"));
	edge_certs_unref(certs);
	stage_close(&stage);
}

static void stamp_changes_with_any_file(void **state)
{
	char path[NET_TEST_PATH];
	struct stage stage;

	(void)state;
	stage_open(&stage, "certificates: [{certificate: '%1$s/a.crt', key: '%1$s/a.key'}], "
			   "client_certificate: {ca: '%1$s/b.crt'}");
	uint64_t before = edge_certs_stamp(stage.edge);
	assert_true(edge_certs_stamp(stage.edge) == before);
	assert_int_equal(unlink(test_file(&stage.folder, "b.crt", path)), 0);
	uint64_t without = edge_certs_stamp(stage.edge);
	assert_true(without != before);
	cert_make(&stage.folder, "b", "again.test", NULL);
	assert_true(edge_certs_stamp(stage.edge) != without);
	assert_true(edge_certs_stamp(stage.edge) != before);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_get_their_sets),
		cmocka_unit_test(faults_have_their_place),
		cmocka_unit_test(stamp_changes_with_any_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
