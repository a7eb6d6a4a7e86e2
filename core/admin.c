/* SPDX-License-Identifier: Apache-2.0
 *
 * admin: evhttp behind two doors, the loopback port and the unix socket, with one table of pages.
 *
 * evhttp has no limit of connections, and says nothing when one ends. So we note the descriptor and
 * inode of each, and when the table is full we look which of them are still the same sockets.
 * evhttp cannot refuse either: one too many is accepted, and shut down at the end of the turn.
 */
#include "core/admin.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/json.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/net/crypto.h"
#include "core/obj.h"

#define ADMIN_KIND OBJ_KIND('a', 'd', 'm', 'n')

enum {
	MAX_HEAD_BYTES = 8 << 10,
	MAX_BODY_BYTES = 1 << 20,
	MAX_ANSWER_BYTES = 64 << 20,
	MAX_CONNS = 64,
	IDLE_S = 30,
	MIN_TOKEN_BYTES = 16,
	MAX_TOKEN_BYTES = 512,
};

struct admin_page {
	TAILQ_ENTRY(admin_page) link;
	char *path, *help; /* owned */
	unsigned methods;
	admin_fn fn;
	void *arg;
};

/* A way in. */
struct admin_door {
	struct admin *admin;
	struct evhttp *http; /* owned; NULL: this door is not configured */
	bool is_unix;
};

/* A connection, known by its descriptor as long as that is the same socket's. */
struct admin_conn {
	int fd;
	ino_t inode;
};

struct admin {
	uint32_t kind;
	struct loop *loop;
	struct admin_door port, socket;
	struct addr listen;
	TAILQ_HEAD(, admin_page) pages;
	struct admin_conn conns[MAX_CONNS]; /* the first n_conns; some may be gone */
	unsigned n_conns;
	struct bufferevent *accepted; /* a reference; not yet in conns */
	struct loop_task turn_end;
	char *unhealthy; /* owned; NULL: healthy */
	char token[MAX_TOKEN_BYTES + 1];
	size_t token_len; /* 0: nobody may change things over the port */
};

/* ---- connections ---- */

/* evhttp closed it, if its number now is another socket's or nobody's. */
static bool conn_is_gone(const struct admin_conn *conn)
{
	struct stat st;

	return fstat(conn->fd, &st) < 0 || st.st_ino != conn->inode;
}

static void conns_sweep(struct admin *admin)
{
	unsigned n = 0;

	for (unsigned i = 0; i < admin->n_conns; i++) {
		if (!conn_is_gone(&admin->conns[i]))
			admin->conns[n++] = admin->conns[i];
	}
	admin->n_conns = n;
}

/* Counts the connection that was accepted last, which has its socket by now. One too many is shut
 * down: evhttp reads its end in the next turn, and closes. */
static void conn_admit(struct admin *admin)
{
	struct bufferevent *bev = TAKE(admin->accepted);
	struct stat st;

	if (!bev)
		return;
	int fd = bufferevent_getfd(bev);
	if (admin->n_conns == MAX_CONNS)
		conns_sweep(admin);
	if (fd >= 0 && admin->n_conns == MAX_CONNS) {
		LOG_WARN("admin.full", kv_uint("connections", admin->n_conns));
		shutdown(fd, SHUT_RDWR);
	} else if (fd >= 0 && fstat(fd, &st) == 0) {
		admin->conns[admin->n_conns++] =
			(struct admin_conn){ .fd = fd, .inode = st.st_ino };
	}
	bufferevent_decref(bev);
}

static void on_turn_end(void *arg)
{
	conn_admit(OBJ_CAST(struct admin, arg, ADMIN_KIND));
}

/* evhttp has accepted a connection and wants its bufferevent; the socket is put into it when we
 * have returned. Until we have seen it we hold a reference. NULL: evhttp makes one by itself, which
 * is then not counted: so it is without memory. */
static struct bufferevent *on_accepted(struct event_base *base, void *arg)
{
	const struct admin_door *door = arg;
	struct admin *admin = OBJ_CAST(struct admin, door->admin, ADMIN_KIND);

	conn_admit(admin);
	admin->accepted = bufferevent_socket_new(base, -1, 0);
	if (admin->accepted) {
		bufferevent_incref(admin->accepted);
		loop_defer(admin->loop, &admin->turn_end);
	}
	return admin->accepted;
}

/* ---- who may do what ---- */

/* A page of the web may have its own name resolve to 127.0.0.1 and read us through a browser; but
 * the browser then sends that name. */
static bool host_is_ours(struct evhttp_request *req)
{
	struct span host =
		span_str(evhttp_find_header(evhttp_request_get_input_headers(req), "Host"));
	struct addr addr;

	if (!host.at) /* HTTP/1.0: no browser is that old */
		return true;
	if (addr_parse_ip(host, &addr))
		return true;
	if (addr_parse(host, &addr))
		return addr.any.sa_family != AF_UNIX;
	return span_ieq(span_first(host, span_find(host, ':')), SPAN_LIT("localhost"));
}

static bool peer_is_ours(struct evhttp_request *req)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(req);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(conn));

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static bool has_token(const struct admin *admin, struct evhttp_request *req)
{
	struct span value = span_str(
		evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization"));
	struct span scheme = SPAN_LIT("Bearer ");

	if (admin->token_len == 0 || !span_ieq(span_first(value, scheme.len), scheme))
		return false;
	return crypto_equal(span_trim(span_from(value, scheme.len)),
			    span_of(admin->token, admin->token_len));
}

/* ---- requests ---- */

void admin_fail(struct admin_request *request, int status, const char *text)
{
	CLEANUP(json_drop) json_t *json = json_object();

	buf_empty(request->out);
	if (json && json_set_span(json, "error", span_str(text)) == 0)
		json_into(request->out, json);
	buf_add_str(request->out, "\n");
	request->status = status;
	request->content_type = "application/json";
}

const char *admin_query(const struct admin_request *request, const char *name)
{
	return request->query ? evhttp_find_header(request->query, name) : NULL;
}

static unsigned method_of(const struct evhttp_request *req)
{
	unsigned command = evhttp_request_get_command(req);

	return command & (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD) ? ADMIN_GET
	       : command & EVHTTP_REQ_POST                  ? ADMIN_POST
	       : command & EVHTTP_REQ_PUT                   ? ADMIN_PUT
	       : command & EVHTTP_REQ_DELETE                ? ADMIN_DELETE
							    : 0;
}

static struct admin_page *page_find(struct admin *admin, const char *path)
{
	struct admin_page *page;

	TAILQ_FOREACH (page, &admin->pages, link) {
		if (strcmp(page->path, path) == 0)
			return page;
	}
	return NULL;
}

/* Whether this door lets the request through; if not, the answer says so. */
static bool door_admits(const struct admin_door *door, struct evhttp_request *req,
			struct admin_request *request)
{
	if (door->is_unix && !peer_is_ours(req)) {
		admin_fail(request, 403, "this socket is for root and the user of this program");
		return false;
	}
	if (!door->is_unix && !host_is_ours(req)) {
		admin_fail(request, 403, "the Host must be an IP address or localhost");
		return false;
	}
	if (request->method != ADMIN_GET && !door->is_unix && !has_token(door->admin, req)) {
		admin_fail(request, 403,
			   "what changes things goes through the unix socket, or needs the token");
		return false;
	}
	return true;
}

static void request_serve(struct admin_door *door, struct evhttp_request *req,
			  struct admin_request *request)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
	struct evbuffer *body = evhttp_request_get_input_buffer(req);
	struct evkeyvalq pairs = { 0 };

	request->method = (enum admin_method)method_of(req);
	if (!door_admits(door, req, request))
		return;
	struct admin_page *page = path ? page_find(door->admin, path) : NULL;
	if (!page) {
		admin_fail(request, 404, "no such page: / lists them");
		return;
	}
	if (!(page->methods & request->method)) {
		admin_fail(request, 405, "not by this method: / lists them");
		return;
	}
	if (query && evhttp_parse_query_str(query, &pairs) < 0) {
		admin_fail(request, 400, "the query cannot be read");
		return;
	}
	request->query = &pairs;
	size_t len = evbuffer_get_length(body);
	request->body = span_of(len ? evbuffer_pullup(body, -1) : (uint8_t *)"", len);
	if (len == 0 || request->body.at)
		page->fn(request, page->arg);
	else
		admin_fail(request, 500, "out of memory");
	request->query = NULL;
	evhttp_clear_headers(&pairs);
}

static void request_answer(struct evhttp_request *req, struct admin_request *request)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct evbuffer *body = evbuffer_new();
	char length[24];

	if (request->out->failed)
		admin_fail(request, 500, "the answer is too large, or there is no memory");
	evhttp_add_header(headers, "Content-Type",
			  request->content_type ? request->content_type
						: "text/plain; charset=utf-8");
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD) { /* evhttp would send the body */
		snprintf(length, sizeof(length), "%zu", request->out->len);
		evhttp_add_header(headers, "Content-Length", length);
		buf_empty(request->out);
	}
	if (!body || evbuffer_add(body, request->out->at, request->out->len) < 0)
		evhttp_send_error(req, 500, NULL);
	else
		evhttp_send_reply(req, request->status, NULL, body);
	if (body)
		evbuffer_free(body);
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct admin_door *door = arg;
	struct buf out;
	struct admin_request request = { .out = &out, .status = 200 };

	MUST(door->admin->kind == ADMIN_KIND);
	buf_init(&out, MAX_ANSWER_BYTES);
	request_serve(door, req, &request);
	request_answer(req, &request);
	buf_fini(&out);
}

/* ---- pages of our own ---- */

static void serve_metrics(struct admin_request *request, void *arg)
{
	(void)arg;
	metrics_render(request->out);
	request->content_type = "text/plain; version=0.0.4; charset=utf-8";
}

static void serve_health(struct admin_request *request, void *arg)
{
	const struct admin *admin = OBJ_CAST(struct admin, arg, ADMIN_KIND);

	buf_printf(request->out, "%s\n", admin->unhealthy ? admin->unhealthy : "ok");
	request->status = admin->unhealthy ? 503 : 200;
}

static void serve_index(struct admin_request *request, void *arg)
{
	static const struct {
		enum admin_method method;
		const char *name;
	} names[] = { { ADMIN_GET, "GET" },
		      { ADMIN_POST, "POST" },
		      { ADMIN_PUT, "PUT" },
		      { ADMIN_DELETE, "DELETE" } };
	const struct admin *admin = OBJ_CAST(struct admin, arg, ADMIN_KIND);
	const struct admin_page *page;

	TAILQ_FOREACH (page, &admin->pages, link) {
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			if (page->methods & names[i].method)
				buf_printf(request->out, "%-6s %-24s %s\n", names[i].name,
					   page->path, page->help);
		}
	}
}

static void page_free(struct admin_page *page)
{
	free(page->path);
	free(page->help);
	free(page);
}

int admin_page(struct admin *admin, const char *path, unsigned methods, admin_fn fn, void *arg,
	       const char *help)
{
	MUST(admin->kind == ADMIN_KIND && path[0] == '/' && !page_find(admin, path));
	struct admin_page *page = calloc(1, sizeof(*page));
	if (!page)
		return err_new(-ENOMEM);
	*page = (struct admin_page){
		.path = strdup(path),
		.help = strdup(help),
		.methods = methods,
		.fn = fn,
		.arg = arg,
	};
	if (!page->path || !page->help) {
		page_free(page);
		return err_new(-ENOMEM);
	}
	TAILQ_INSERT_TAIL(&admin->pages, page, link);
	return 0;
}

void admin_set_unhealthy(struct admin *admin, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	MUST(admin->kind == ADMIN_KIND);
	if (text && !copy)
		return; /* the old word stands */
	free(admin->unhealthy);
	admin->unhealthy = copy;
}

const struct addr *admin_addr(const struct admin *admin)
{
	return &admin->listen;
}

/* ---- opening ---- */

static int door_bind(struct admin_door *door, struct event_base *base, int fd)
{
	/* Without LEV_OPT_CLOSE_ON_FREE: the descriptor is the registry's. No backlog: it listens
	 * already. */
	struct evconnlistener *listener =
		evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, fd);

	if (!listener)
		return err_new(-ENOMEM);
	if (!evhttp_bind_listener(door->http, listener)) {
		evconnlistener_free(listener);
		return err_new(-ENOMEM);
	}
	return 0;
}

static int door_open(struct admin_door *door, struct sock_registry *socks, const struct addr *addr,
		     struct addr *ret_addr)
{
	struct event_base *base = loop_base(door->admin->loop);
	const struct sock_wish wish = {
		.purpose = "admin",
		.type = SOCK_TYPE_STREAM,
		.addr = *addr,
	};
	int fd;
	int r = sock_get(socks, &wish, &fd, ret_addr);

	if (r < 0) {
		sock_error_log(&wish, r);
		return err_pass(r);
	}
	door->http = evhttp_new(base);
	if (!door->http)
		return err_new(-ENOMEM);
	evhttp_set_max_headers_size(door->http, MAX_HEAD_BYTES);
	evhttp_set_max_body_size(door->http, MAX_BODY_BYTES);
	evhttp_set_timeout(door->http, IDLE_S);
	evhttp_set_allowed_methods(door->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
						       EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE);
	evhttp_set_gencb(door->http, on_request, door);
	evhttp_set_bevcb(door->http, on_accepted, door);
	return err_pass(door_bind(door, base, fd));
}

static int socket_open(struct admin *admin, struct sock_registry *socks, const char *path)
{
	struct addr addr = { .len = sizeof(addr.un), .un.sun_family = AF_UNIX };
	struct addr got;

	if (strlen(path) >= sizeof(addr.un.sun_path))
		return err_new(-ENAMETOOLONG);
	memcpy(addr.un.sun_path, path, strlen(path));
	return err_pass(door_open(&admin->socket, socks, &addr, &got));
}

/* -errno of the file; -EINVAL: too short, or no text. */
static int token_read(struct admin *admin, const char *path)
{
	CLEANUP(fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t text[MAX_TOKEN_BYTES + 1];

	if (fd < 0)
		return err_new(-errno);
	ssize_t n = read(fd, text, sizeof(text));
	if (n < 0)
		return err_new(-errno);
	struct span token = span_of(text, (size_t)n);
	while (token.len && (token.at[token.len - 1] == '\n' || token.at[token.len - 1] == '\r'))
		token.len--;
	token = span_trim(token);
	if (token.len < MIN_TOKEN_BYTES || token.len > MAX_TOKEN_BYTES)
		return err_new(-EINVAL);
	memcpy(admin->token, token.at, token.len);
	admin->token_len = token.len;
	return 0;
}

static int pages_add(struct admin *admin)
{
	int r = admin_page(admin, "/", ADMIN_GET, serve_index, admin, "this list");

	if (r == 0)
		r = admin_page(admin, "/healthz", ADMIN_GET, serve_health, admin,
			       "200 while we serve, 503 and why while we do not");
	if (r == 0)
		r = admin_page(admin, "/metrics", ADMIN_GET, serve_metrics, NULL,
			       "counters and gauges for Prometheus");
	return err_pass(r);
}

static void admin_drop(struct admin **admin)
{
	admin_close(*admin);
}

int admin_open(struct loop *loop, struct sock_registry *socks, const struct admin_conf *conf,
	       struct admin **ret_admin)
{
	CLEANUP(admin_drop) struct admin *admin = OBJ_NEW(struct admin, ADMIN_KIND);
	int r = 0;

	if (!admin)
		return err_new(-ENOMEM);
	admin->loop = loop;
	admin->port = (struct admin_door){ .admin = admin };
	admin->socket = (struct admin_door){ .admin = admin, .is_unix = true };
	TAILQ_INIT(&admin->pages);
	admin->turn_end = (struct loop_task){ .fn = on_turn_end, .arg = admin };
	if (conf->token_file) {
		r = token_read(admin, conf->token_file);
		if (r < 0)
			LOG_ERROR("admin.token", kv_str("file", conf->token_file), kv_err(r));
	}
	if (r == 0)
		r = pages_add(admin);
	if (r == 0 && conf->listen.len)
		r = door_open(&admin->port, socks, &conf->listen, &admin->listen);
	if (r == 0 && conf->socket)
		r = socket_open(admin, socks, conf->socket);
	if (r < 0)
		return err_pass(r);
	*ret_admin = TAKE(admin);
	return 0;
}

void admin_close(struct admin *admin)
{
	struct admin_page *page, *next_page;

	if (!admin)
		return;
	MUST(admin->kind == ADMIN_KIND);
	conn_admit(admin);
	loop_undefer(admin->loop, &admin->turn_end);
	if (admin->port.http)
		evhttp_free(admin->port.http);
	if (admin->socket.http)
		evhttp_free(admin->socket.http);
	TAILQ_FOREACH_SAFE (page, &admin->pages, link, next_page)
		page_free(page);
	free(admin->unhealthy);
	explicit_bzero(admin->token, sizeof(admin->token));
	OBJ_FREE(admin);
}
