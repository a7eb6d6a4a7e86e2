/* SPDX-License-Identifier: Apache-2.0
 *
 * facts_sample: an exchange that never was, over a conn that is real.
 */
#pragma once

#include "../edge_test.h"

#include "edge/report/facts.h"

struct facts_sample {
	struct loop *loop;
	int peer;
	struct http_field fields[3];
	struct http_head request;
	struct addr origin;
	struct facts facts;
};

static inline void facts_sample_on_open(struct conn *conn, void *arg)
{
	(void)conn;
	(void)arg;
}

static const struct conn_events facts_sample_events = { .on_open = facts_sample_on_open };

static inline void facts_sample_make(struct facts_sample *sample)
{
	int fds[2];
	struct addr from;
	struct conn *conn;

	assert_int_equal(loop_new("test", &sample->loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	sample->peer = fds[1];
	assert_true(addr_parse(SPAN_LIT("203.0.113.7:4711"), &from));
	assert_true(addr_parse(SPAN_LIT("192.0.2.1:8080"), &sample->origin));
	assert_int_equal(
		conn_accept(sample->loop, fds[0], &from, NULL, &facts_sample_events, NULL, &conn),
		0);
	sample->fields[0] = (struct http_field){ SPAN_LIT("User-Agent"), SPAN_LIT("a \"b\""),
						 HTTP_NAME_USER_AGENT };
	sample->fields[1] =
		(struct http_field){ SPAN_LIT("X-Empty"), SPAN_LIT(""), HTTP_NAME_OTHER };
	sample->fields[2] =
		(struct http_field){ SPAN_LIT("X-High"), SPAN_LIT("\xc3\xa9\\"), HTTP_NAME_OTHER };
	sample->request = (struct http_head){
		.method = HTTP_METHOD_GET,
		.method_text = SPAN_LIT("GET"),
		.scheme = SPAN_LIT("http"),
		.authority = SPAN_LIT("Www.Example:80"),
		.host = SPAN_LIT("www.example"),
		.target = SPAN_LIT("/a?b=\""),
		.path = SPAN_LIT("/a"),
		.query = SPAN_LIT("b=\""),
		.version_major = 1,
		.version_minor = 1,
		.fields = sample->fields,
		.n_fields = 3,
		.max_fields = 3,
	};
	sample->facts = (struct facts){
		.request = &sample->request,
		.conn = conn,
		.client = conn_from(conn),
		.node = "eu-1",
		.region = "eu",
		.service = "web",
		.pool = "app",
		.origin = &sample->origin,
		.status = 200,
		.request_body_bytes = 5,
		.response_body_bytes = 1024,
		.wall_s = 1769903999, /* 2026-01-31T23:59:59Z */
		.duration_us = 1234567,
		.first_byte_us = -1,
		.n_tries = 2,
		.reason = REASON_DONE,
	};
}

static inline void facts_sample_drop(struct facts_sample *sample)
{
	conn_close(sample->facts.conn);
	close(sample->peer);
	loop_free(sample->loop);
}
