/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp: see the header. All whole queries that are there are answered into one buffer, which leaves
 * in one write. A client that does not take its answers is not read: the buffer is the
 * back-pressure.
 */
#include "gtm/server/tcp.h"

#include "core/error.h"
#include "core/log.h"
#include "core/net/conn.h"
#include "core/obj.h"
#include "gtm/server/gtm_metrics.h"

enum {
	LENGTH_BYTES = 2,
	MAX_IN = LENGTH_BYTES + 65535,
	MAX_OUT = 4 * (LENGTH_BYTES + ANSWER_MAX),
	READ_BYTES = 4096,
	MAX_ACCEPTS_A_TURN = 64,
};

struct tcp_client {
	uint32_t kind;
	LIST_ENTRY(tcp_client) link;
	struct tcp_server *server;
	struct conn *conn; /* owned */
	struct buf in, out;
	size_t sent; /* of out */
	bool ended;  /* the client sends no more */
};
LIST_HEAD(client_list, tcp_client);

struct tcp_server {
	uint32_t kind;
	struct loop *loop;
	int fd;
	const struct serving *serving;
	struct tcp_limits limits;
	struct loop_io io;
	struct client_list clients;
	size_t n_clients;
	bool stopping;
};

#define TCP_KIND    OBJ_KIND('t', 'c', 'p', 's')
#define CLIENT_KIND OBJ_KIND('t', 'c', 'p', 'c')

static void client_close(struct tcp_client *client)
{
	struct tcp_server *server = client->server;

	LIST_REMOVE(client, link);
	server->n_clients--;
	metric_move(server->serving->metrics, GTM_METRIC_TCP_OPEN, -1);
	conn_close(client->conn);
	buf_fini(&client->in);
	buf_fini(&client->out);
	OBJ_FREE(client);
}

static void client_touch(struct tcp_client *client)
{
	conn_set_deadline(client->conn, mono_add_ms(loop_now(client->server->loop),
						    client->server->limits.idle_timeout_ms));
}

/* One query into `out`, its length before it. False: no room. */
static bool answer_into(struct tcp_client *client, struct span packet)
{
	uint8_t *at = buf_room(&client->out, LENGTH_BYTES + ANSWER_MAX);

	if (!at) {
		client->out.failed = false; /* not an error: it waits in `in` */
		return false;
	}
	size_t len = answer_make(client->server->serving, packet, conn_from(client->conn),
				 ANSWER_TCP, at + LENGTH_BYTES, ANSWER_MAX);
	if (len == 0)
		return true;
	at[0] = (uint8_t)(len >> 8);
	at[1] = (uint8_t)len;
	buf_grew(&client->out, LENGTH_BYTES + len);
	return true;
}

/* True: a whole query waits for room. */
static bool answer_all(struct tcp_client *client)
{
	struct span rest = buf_span(&client->in);
	bool waits = false;

	while (rest.len >= LENGTH_BYTES) {
		size_t len = (size_t)(rest.at[0] << 8 | rest.at[1]);
		if (len > rest.len - LENGTH_BYTES)
			break;
		waits = !answer_into(client, span_of(rest.at + LENGTH_BYTES, len));
		if (waits)
			break;
		rest = span_from(rest, LENGTH_BYTES + len);
		client_touch(client);
	}
	buf_drop_front(&client->in, client->in.len - rest.len);
	return waits;
}

/* False: the client was closed. */
static bool flush(struct tcp_client *client)
{
	while (client->sent < client->out.len) {
		struct iovec iov = { client->out.at + client->sent,
				     client->out.len - client->sent };
		size_t n = 0;
		int outcome = conn_writev(client->conn, &iov, 1, &n);
		if (outcome == CONN_BLOCKED)
			return true;
		if (outcome != CONN_OK) {
			client_close(client);
			return false;
		}
		client->sent += n;
	}
	client->sent = 0;
	buf_empty(&client->out);
	return true;
}

/* An idle connection holds no buffer. */
static void rest(struct tcp_client *client)
{
	bool waits = client->sent < client->out.len;

	if (!waits && (client->ended || client->server->stopping)) {
		client_close(client);
		return;
	}
	if (!waits)
		buf_fini(&client->out);
	if (client->in.len == 0)
		buf_fini(&client->in);
	conn_want(client->conn, !waits && !client->ended, waits);
}

/* What waited for room goes on at once when the kernel took all: nothing else would wake it. */
static void serve(struct tcp_client *client)
{
	size_t before;
	bool waits;

	do {
		before = client->in.len;
		waits = answer_all(client);
		if (!flush(client))
			return;
	} while (waits && client->out.len == 0 && client->in.len < before);
	rest(client);
}

static int fill(struct tcp_client *client)
{
	uint8_t *at = buf_room(&client->in, MIN((size_t)READ_BYTES, MAX_IN - client->in.len));
	size_t n = 0;

	if (!at)
		return CONN_BROKEN;
	int outcome =
		conn_read(client->conn, at, MIN((size_t)READ_BYTES, MAX_IN - client->in.len), &n);
	if (outcome == CONN_OK)
		buf_grew(&client->in, n);
	return outcome;
}

static void on_readable(struct conn *conn, void *arg)
{
	struct tcp_client *client = OBJ_CAST(struct tcp_client, arg, CLIENT_KIND);
	int outcome = fill(client);

	MUST(client->conn == conn);
	if (outcome < 0 || outcome == CONN_BROKEN) {
		client_close(client);
		return;
	}
	client->ended = outcome == CONN_EOF;
	serve(client);
}

static void on_writable(struct conn *conn, void *arg)
{
	struct tcp_client *client = OBJ_CAST(struct tcp_client, arg, CLIENT_KIND);

	MUST(client->conn == conn);
	client_touch(client);
	if (flush(client))
		serve(client);
}

static void on_open(struct conn *conn, void *arg)
{
	(void)arg;
	conn_want(conn, true, false);
}

static void on_end(struct conn *conn, void *arg)
{
	(void)conn;
	client_close(OBJ_CAST(struct tcp_client, arg, CLIENT_KIND));
}

static const struct conn_events client_events = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_deadline = on_end,
	.on_failed = on_end,
};

/* fd is moved. */
static void client_new(struct tcp_server *server, int fd, const struct addr *from)
{
	struct tcp_client *client = OBJ_NEW(struct tcp_client, CLIENT_KIND);

	if (!client) {
		close(fd);
		return;
	}
	client->server = server;
	buf_init(&client->in, MAX_IN);
	buf_init(&client->out, MAX_OUT);
	if (conn_accept(server->loop, fd, from, NULL, &client_events, client, &client->conn) < 0) {
		OBJ_FREE(client);
		return;
	}
	LIST_INSERT_HEAD(&server->clients, client, link);
	server->n_clients++;
	metric_move(server->serving->metrics, GTM_METRIC_TCP_OPEN, 1);
	client_touch(client);
}

static void on_acceptable(void *arg)
{
	struct tcp_server *server = OBJ_CAST(struct tcp_server, arg, TCP_KIND);

	for (int i = 0; i < MAX_ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		int fd = accept4(server->fd, (struct sockaddr *)&ss, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return; /* none waits, or no descriptor is free: then those that are open
				   end first */
		if (server->n_clients >= server->limits.max_conns) {
			metric_add(server->serving->metrics, GTM_METRIC_TCP_REFUSED, 1);
			close(fd);
			continue;
		}
		struct addr from = addr_from_sockaddr((struct sockaddr *)&ss, len);
		client_new(server, fd, &from);
	}
}

int tcp_server_new(struct loop *loop, int fd, const struct serving *serving,
		   const struct tcp_limits *limits, struct tcp_server **ret_server)
{
	struct tcp_server *server = OBJ_NEW(struct tcp_server, TCP_KIND);

	if (!server)
		return err_new(-ENOMEM);
	server->loop = loop;
	server->fd = fd;
	server->serving = serving;
	server->limits = *limits;
	LIST_INIT(&server->clients);
	loop_io_init(&server->io, loop, fd, on_acceptable, NULL, server);
	int r = loop_io_want(&server->io, true, false);
	if (r < 0) {
		OBJ_FREE(server);
		return err_pass(r);
	}
	*ret_server = server;
	return 0;
}

void tcp_server_stop(struct tcp_server *server)
{
	struct tcp_client *client, *next;

	on_acceptable(server); /* whom the kernel has greeted for us */
	loop_io_stop(&server->io);
	server->stopping = true;
	LIST_FOREACH_SAFE (client, &server->clients, link, next) {
		if (client->in.len == 0 && client->out.len == 0)
			client_close(client);
	}
}

size_t tcp_server_n_conns(const struct tcp_server *server)
{
	return server->n_clients;
}

void tcp_server_free(struct tcp_server *server)
{
	if (!server)
		return;
	loop_io_stop(&server->io);
	while (!LIST_EMPTY(&server->clients))
		client_close(LIST_FIRST(&server->clients));
	OBJ_FREE(server);
}
