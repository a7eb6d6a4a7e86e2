/* SPDX-License-Identifier: Apache-2.0
 *
 * listener: accepting. A connection is ours until its handshake is done, then a protocol's.
 *
 * The set of certificates that a handshake began with is held until it is over: its SNI function
 * looks into it. Without descriptors or memory we stop accepting for a moment, for the kernel would
 * go on waking us for what we cannot take.
 */
#include "edge/listen/listener.h"

#include <netinet/tcp.h>

#include "core/error.h"
#include "core/log.h"
#include "core/net/proxy_protocol.h"
#include "core/obj.h"
#include "edge/report/edge_metrics.h"

enum {
	/* Of one wake-up: what is served already must not wait for all who come. */
	MAX_ACCEPTS = 64,
	/* How long we do without new connections when there are no descriptors. */
	SHORTAGE_MS = 100,
};

#define LISTENER_KIND OBJ_KIND('l', 's', 't', 'n')

/* One listening socket. */
struct door {
	struct listener *listener;
	struct loop_io io;
};

/* A connection that is not open yet. */
struct arrival {
	LIST_ENTRY(arrival) link;
	struct listener *listener;
	struct conn *conn;        /* owned; NULL: its PROXY header is awaited */
	struct cert_set *certs;   /* a reference; NULL: plain */
	struct announced *header; /* owned; NULL: none is awaited */
};

/* Whose PROXY header is awaited. */
struct announced {
	struct arrival *arrival;
	struct loop_io io;
	struct loop_timer deadline;
	struct addr from;
	size_t len;
	uint8_t bytes[PROXY_MAX_BYTES];
};

struct listener {
	uint32_t kind;
	const char *name;
	const struct exchange_maker *maker;
	struct listener_conf conf;
	void (*on_empty)(void *arg);
	void *on_empty_arg;
	LIST_HEAD(, arrival) arrivals;
	size_t n_arrivals;
	struct h1_servers http1;
	struct h2_servers http2;
	struct loop_timer shortage;
	struct loop_task empty;
	bool paused, draining;
	size_t n_doors;
	struct door doors[];
};

size_t listener_n_conns(const struct listener *listener)
{
	return listener->n_arrivals + h1_servers_count(&listener->http1) +
	       h2_servers_count(&listener->http2);
}

/* A connection less. */
static void count_down(struct listener *listener)
{
	metric_move(listener->maker->metrics, EDGE_METRIC_CONNECTIONS_OPEN, -1);
	if (listener->draining && listener_n_conns(listener) == 0)
		loop_defer(listener->maker->loop, &listener->empty);
}

static void on_closed(void *arg)
{
	count_down(OBJ_CAST(struct listener, arg, LISTENER_KIND));
}

static void on_empty(void *arg)
{
	struct listener *listener = OBJ_CAST(struct listener, arg, LISTENER_KIND);

	if (listener->on_empty)
		listener->on_empty(listener->on_empty_arg);
}

/* ---- arrivals ---- */

static void announced_free(struct announced *header)
{
	if (!header)
		return;
	loop_io_stop(&header->io);
	loop_timer_stop(&header->deadline);
	free(header);
}

static struct conn *arrival_end(struct arrival *arrival)
{
	struct conn *conn = arrival->conn;

	LIST_REMOVE(arrival, link);
	arrival->listener->n_arrivals--;
	cert_set_unref(arrival->certs);
	announced_free(arrival->header);
	free(arrival);
	return conn;
}

static void on_open(struct conn *conn, void *arg)
{
	struct arrival *arrival = arg;
	struct listener *listener = arrival->listener;

	MUST(listener->kind == LISTENER_KIND && arrival->conn == conn);
	if (arrival->certs)
		metric_add(listener->maker->metrics, EDGE_METRIC_TLS_HANDSHAKES, 1);
	bool http2 = arrival->certs ? span_eq(conn_alpn(conn), SPAN_LIT("h2"))
				    : listener->conf.http == LISTENER_HTTP2;
	conn = arrival_end(arrival);
	int r = http2 ? h2_server_begin(&listener->http2, conn, SPAN_NONE)
		      : h1_server_begin(&listener->http1, conn);
	if (r < 0) {
		metric_add(listener->maker->metrics, EDGE_METRIC_CONNECTIONS_REFUSED, 1);
		count_down(listener);
	}
}

/* The handshake failed, or took too long. */
static void on_failed(struct conn *conn, void *arg)
{
	struct arrival *arrival = arg;
	struct listener *listener = arrival->listener;

	MUST(listener->kind == LISTENER_KIND && arrival->conn == conn);
	if (arrival->certs) {
		metric_add(listener->maker->metrics, EDGE_METRIC_TLS_FAILURES, 1);
		edge_metrics_ended(listener->maker->metrics, REASON_CLIENT_TLS);
		LOG_DEBUG("listener.handshake-failed", kv_str("listener", listener->name),
			  kv_addr("client", conn_from(conn)), kv_str("reason", conn_reason(conn)));
	}
	conn_close_lingering(arrival_end(arrival), listener->conf.http1.linger_ms);
	count_down(listener);
}

/* A client without TLS knows that we speak HTTP/2. */
static bool on_http2(void *arg, struct conn *conn, struct span first)
{
	struct listener *listener = OBJ_CAST(struct listener, arg, LISTENER_KIND);

	if (listener->conf.http == LISTENER_HTTP1)
		return false;
	if (h2_server_begin(&listener->http2, conn, first) < 0)
		count_down(listener);
	return true;
}

static const struct conn_events arrival_events = {
	.on_open = on_open,
	.on_readable = on_failed, /* not before on_open: never */
	.on_writable = on_failed,
	.on_deadline = on_failed,
	.on_failed = on_failed,
};

/* From here on the conn has the fd. Errors: -ENOMEM; the arrival is as it was, the fd closed. */
static int arrival_open(struct arrival *arrival, int fd, const struct addr *from)
{
	struct listener *listener = arrival->listener;
	struct cert_set *certs = listener->conf.certs;
	struct tls_context *tls = certs ? cert_set_context(certs) : NULL;
	int r = conn_accept(listener->maker->loop, fd, from, tls, &arrival_events, arrival,
			    &arrival->conn);

	if (r < 0)
		return err_pass(r);
	if (certs) {
		arrival->certs = cert_set_ref(certs);
		conn_set_deadline(arrival->conn, mono_add_ms(loop_now(listener->maker->loop),
							     listener->conf.handshake_timeout_ms));
	}
	return 0;
}

/* ---- the PROXY header ---- */

/* The header does not come, or is none. */
static void announced_refuse(struct announced *header, const char *why)
{
	struct listener *listener = header->arrival->listener;
	int fd = header->io.fd;

	LOG_DEBUG("listener.proxy-header", kv_str("listener", listener->name),
		  kv_addr("proxy", &header->from), kv_str("reason", why));
	edge_metrics_ended(listener->maker->metrics, REASON_CLIENT_PROXY);
	arrival_end(header->arrival);
	close(fd);
	count_down(listener);
}

static void on_header_timeout(void *arg)
{
	announced_refuse(arg, "it did not come in time");
}

/* The header is whole. The connection begins with what follows it. */
static void announced_take(struct announced *header, const struct proxy_header *said)
{
	struct arrival *arrival = header->arrival;
	struct listener *listener = arrival->listener;
	struct addr from = said->local ? header->from : said->from;
	int fd = header->io.fd;

	announced_free(TAKE(arrival->header));
	int r = arrival_open(arrival, fd, &from);
	if (r == 0 && !said->local)
		r = conn_set_local(arrival->conn, &said->to);
	if (r < 0) {
		metric_add(listener->maker->metrics, EDGE_METRIC_CONNECTIONS_REFUSED, 1);
		conn_close(arrival_end(arrival));
		count_down(listener);
	}
}

/* Takes what is the header's out of the socket, and nothing of what follows: that may be TLS. */
static bool header_consume(struct announced *header, size_t n)
{
	ssize_t got = recv(header->io.fd, header->bytes + header->len, n, 0);

	if (got > 0)
		header->len += (size_t)got;
	return got == (ssize_t)n;
}

static void on_header_readable(void *arg)
{
	struct announced *header = arg;
	size_t room = sizeof(header->bytes) - header->len;
	ssize_t n = recv(header->io.fd, header->bytes + header->len, room, MSG_PEEK);
	struct proxy_header said;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		announced_refuse(header, "the connection ended before it");
		return;
	}
	int r = proxy_parse(span_of(header->bytes, header->len + (size_t)n), &said);
	size_t own = r == PROXY_PARSED ? said.len - header->len : (size_t)n;
	if (r == PROXY_MALFORMED || !header_consume(header, own))
		announced_refuse(header, "it is none");
	else if (r == PROXY_PARSED)
		announced_take(header, &said);
}

static bool is_proxy(const struct listener *listener, const struct addr *from)
{
	for (size_t i = 0; i < listener->conf.n_proxies; i++) {
		if (prefix_has(&listener->conf.proxies[i], from))
			return true;
	}
	return false;
}

/* Errors: -ENOMEM; the fd is closed. */
static int header_await(struct arrival *arrival, int fd, const struct addr *from)
{
	struct loop *loop = arrival->listener->maker->loop;
	struct announced *header = calloc(1, sizeof(*header));

	if (header) {
		*header = (struct announced){ .arrival = arrival, .from = *from };
		loop_io_init(&header->io, loop, fd, on_header_readable, NULL, header);
		loop_timer_init(&header->deadline, loop, on_header_timeout, header);
	}
	if (!header || loop_io_want(&header->io, true, false) < 0) {
		free(header);
		close(fd);
		return err_new(-ENOMEM);
	}
	loop_timer_set(&header->deadline,
		       mono_add_ms(loop_now(loop), arrival->listener->conf.http1.head_timeout_ms));
	arrival->header = header;
	return 0;
}

/* fd is moved. Errors: -ENOMEM. */
static int arrival_begin(struct listener *listener, int fd, const struct addr *from)
{
	struct arrival *arrival = calloc(1, sizeof(*arrival));

	if (!arrival) {
		close(fd);
		return err_new(-ENOMEM);
	}
	arrival->listener = listener;
	int r = is_proxy(listener, from) ? header_await(arrival, fd, from)
					 : arrival_open(arrival, fd, from);
	if (r < 0) {
		free(arrival);
		return err_pass(r);
	}
	LIST_INSERT_HEAD(&listener->arrivals, arrival, link);
	listener->n_arrivals++;
	metric_add(listener->maker->metrics, EDGE_METRIC_CONNECTIONS, 1);
	metric_move(listener->maker->metrics, EDGE_METRIC_CONNECTIONS_OPEN, 1);
	return 0;
}

/* ---- accepting ---- */

static int doors_want(struct listener *listener, bool accept)
{
	int r = 0;

	for (size_t i = 0; i < listener->n_doors && r == 0; i++)
		r = loop_io_want(&listener->doors[i].io, accept, false);
	return r < 0 ? err_pass(r) : 0;
}

static void shortage_begin(struct listener *listener, int r)
{
	LOG_ERROR("listener.cannot-accept", kv_str("listener", listener->name), kv_err(r));
	metric_add(listener->maker->metrics, EDGE_METRIC_CONNECTIONS_REFUSED, 1);
	doors_want(listener, false);
	loop_timer_set(&listener->shortage,
		       mono_add_ms(loop_now(listener->maker->loop), SHORTAGE_MS));
}

static void on_shortage_over(void *arg)
{
	struct listener *listener = OBJ_CAST(struct listener, arg, LISTENER_KIND);

	if (!listener->paused && !listener->draining && doors_want(listener, true) < 0)
		shortage_begin(listener, -ENOMEM);
}

/* False: there is no more to accept now. */
static bool accept_one(struct listener *listener, int listen_fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} sa;
	socklen_t len = sizeof(sa);
	int fd = accept4(listen_fd, &sa.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		/* A client that gave up while it waited is no reason to stop (accept(2)). */
		if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO)
			return true;
		if (errno != EAGAIN)
			shortage_begin(listener, -errno);
		return false;
	}
	if (listener_n_conns(listener) >= listener->conf.max_conns) {
		metric_add(listener->maker->metrics, EDGE_METRIC_CONNECTIONS_REFUSED, 1);
		close(fd);
		return true;
	}
	const struct addr from = addr_from_sockaddr(&sa.any, len);
	int r = arrival_begin(listener, fd, &from);
	if (r < 0)
		shortage_begin(listener, r);
	return r == 0;
}

static void on_acceptable(void *arg)
{
	struct door *door = arg;
	struct listener *listener = door->listener;

	MUST(listener->kind == LISTENER_KIND);
	for (int i = 0; i < MAX_ACCEPTS; i++) {
		if (!accept_one(listener, door->io.fd))
			return;
	}
}

/* ---- life ---- */

static void conf_set(struct listener *listener, const struct listener_conf *conf)
{
	struct cert_set *old = listener->conf.certs;

	MUST(!conf->certs || cert_set_count(conf->certs));
	if (conf->certs)
		cert_set_ref(conf->certs);
	listener->conf = *conf;
	listener->http1.limits = conf->http1;
	h2_servers_set_limits(&listener->http2, &conf->http2);
	cert_set_unref(old);
}

static void listener_free(struct listener *listener)
{
	for (size_t i = 0; i < listener->n_doors; i++)
		loop_io_stop(&listener->doors[i].io);
	loop_timer_stop(&listener->shortage);
	loop_undefer(listener->maker->loop, &listener->empty);
	h1_servers_fini(&listener->http1);
	h2_servers_fini(&listener->http2);
	cert_set_unref(listener->conf.certs);
	OBJ_FREE(listener);
}

static void door_init(struct listener *listener, size_t i, int fd)
{
	struct door *door = &listener->doors[i];
	const int on = 1;

	door->listener = listener;
	loop_io_init(&door->io, listener->maker->loop, fd, on_acceptable, NULL, door);
	/* What is accepted inherits it: a system call less for each. Unix sockets have none. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int listener_open(const struct listener_setup *setup, const struct listener_conf *conf,
		  struct listener **ret_listener)
{
	MUST(setup->n_fds <= LISTENER_MAX_FDS);
	struct listener *listener =
		calloc(1, sizeof(*listener) + setup->n_fds * sizeof(struct door));
	if (!listener)
		return err_new(-ENOMEM);
	listener->kind = LISTENER_KIND;
	listener->name = setup->name;
	listener->maker = setup->maker;
	listener->on_empty = setup->on_empty;
	listener->on_empty_arg = setup->on_empty_arg;
	listener->empty = (struct loop_task){ .fn = on_empty, .arg = listener };
	LIST_INIT(&listener->arrivals);
	loop_timer_init(&listener->shortage, setup->maker->loop, on_shortage_over, listener);
	h1_servers_init(&listener->http1, setup->maker, &conf->http1);
	listener->http1.on_http2 = on_http2;
	listener->http1.on_http2_arg = listener;
	h2_servers_init(&listener->http2, setup->maker, &conf->http2);
	listener->http2.on_closed = listener->http1.on_closed = on_closed;
	listener->http2.on_closed_arg = listener->http1.on_closed_arg = listener;
	conf_set(listener, conf);
	listener->n_doors = setup->n_fds;
	for (size_t i = 0; i < setup->n_fds; i++)
		door_init(listener, i, setup->fds[i]);
	int r = doors_want(listener, true);
	if (r < 0) {
		listener_free(listener);
		return err_pass(r);
	}
	*ret_listener = listener;
	return 0;
}

void listener_update(struct listener *listener, const struct listener_conf *conf)
{
	MUST(listener->kind == LISTENER_KIND);
	conf_set(listener, conf);
}

void listener_set_certs(struct listener *listener, struct cert_set *certs)
{
	struct cert_set *old = listener->conf.certs;

	MUST(listener->kind == LISTENER_KIND && cert_set_count(certs));
	listener->conf.certs = cert_set_ref(certs);
	cert_set_unref(old);
}

void listener_pause(struct listener *listener)
{
	MUST(listener->kind == LISTENER_KIND);
	listener->paused = true;
	doors_want(listener, false);
}

int listener_resume(struct listener *listener)
{
	MUST(listener->kind == LISTENER_KIND && !listener->draining);
	listener->paused = false;
	int r = doors_want(listener, true);
	return r < 0 ? err_pass(r) : 0;
}

void listener_drain(struct listener *listener)
{
	MUST(listener->kind == LISTENER_KIND);
	if (listener->draining)
		return;
	/* They stand in the kernel's queue and believe that they are connected. */
	for (size_t i = 0; i < listener->n_doors; i++)
		on_acceptable(&listener->doors[i]);
	listener->draining = true;
	loop_timer_stop(&listener->shortage);
	doors_want(listener, false);
	h1_servers_drain(&listener->http1);
	h2_servers_drain(&listener->http2);
	if (listener_n_conns(listener) == 0)
		loop_defer(listener->maker->loop, &listener->empty);
}

void listener_close(struct listener *listener)
{
	struct arrival *arrival, *next;

	if (!listener)
		return;
	MUST(listener->kind == LISTENER_KIND);
	metric_move(listener->maker->metrics, EDGE_METRIC_CONNECTIONS_OPEN,
		    -(int64_t)listener_n_conns(listener));
	LIST_FOREACH_SAFE (arrival, &listener->arrivals, link, next) {
		if (arrival->header)
			close(arrival->header->io.fd);
		conn_close(arrival_end(arrival));
	}
	h1_servers_close(&listener->http1, REASON_SHUTDOWN);
	h2_servers_close(&listener->http2, REASON_SHUTDOWN);
	listener_free(listener);
}
