/* SPDX-License-Identifier: Apache-2.0
 *
 * resolver: c-ares, told by our loop when its sockets and its clock have something.
 *
 * c-ares may answer from inside a question (a name in /etc/hosts) and from inside its own
 * processing; either way the answer is laid into the question and told by a deferred task, so that
 * an owner is never called from a call of its own, and may free the resolver when it is called.
 */
#include "core/net/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <pthread.h>

#include "core/error.h"
#include "core/obj.h"

#define RESOLVER_KIND OBJ_KIND('r', 's', 'l', 'v')
#define QUESTION_KIND OBJ_KIND('q', 's', 't', 'n')

enum { TIMEOUT_MS = 2000, TRIES = 3 };

struct question {
	uint32_t kind;
	LIST_ENTRY(question) link;
	struct resolver *resolver;
	resolver_fn fn;
	void *arg;
	struct loop_task task;
	struct resolved resolved;
};

/* A socket of c-ares. */
struct resolver_socket {
	LIST_ENTRY(resolver_socket) link;
	struct resolver *resolver;
	struct loop_io io;
};

struct resolver {
	uint32_t kind;
	struct loop *loop;
	ares_channel channel;
	struct loop_timer timer;
	LIST_HEAD(, question) questions;
	LIST_HEAD(, resolver_socket) sockets;
};

static void library_start(void)
{
	ares_library_init(ARES_LIB_INIT_ALL);
}

/* c-ares gives no absolute time; asked after everything that it did. */
static void timer_update(struct resolver *resolver)
{
	struct timeval room, *wait = ares_timeout(resolver->channel, NULL, &room);

	if (!wait) {
		loop_timer_stop(&resolver->timer);
		return;
	}
	int64_t us = (int64_t)wait->tv_sec * 1000000 + wait->tv_usec;
	loop_timer_set(&resolver->timer, mono_add_us(loop_now(resolver->loop), us));
}

static void process(struct resolver *resolver, ares_socket_t readable, ares_socket_t writable)
{
	ares_process_fd(resolver->channel, readable, writable);
	timer_update(resolver);
}

static void on_timer(void *arg)
{
	process(OBJ_CAST(struct resolver, arg, RESOLVER_KIND), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_readable(void *arg)
{
	struct resolver_socket *sock = arg;

	process(sock->resolver, sock->io.fd, ARES_SOCKET_BAD);
}

static void on_writable(void *arg)
{
	struct resolver_socket *sock = arg;

	process(sock->resolver, ARES_SOCKET_BAD, sock->io.fd);
}

static void socket_forget(struct resolver_socket *sock)
{
	LIST_REMOVE(sock, link);
	loop_io_stop(&sock->io);
	free(sock);
}

static struct resolver_socket *socket_new(struct resolver *resolver, int fd)
{
	struct resolver_socket *sock = calloc(1, sizeof(*sock));

	if (!sock)
		return NULL; /* the question then ends in a timeout */
	sock->resolver = resolver;
	loop_io_init(&sock->io, resolver->loop, fd, on_readable, on_writable, sock);
	LIST_INSERT_HEAD(&resolver->sockets, sock, link);
	return sock;
}

/* c-ares says what it waits for. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = OBJ_CAST(struct resolver, arg, RESOLVER_KIND);
	struct resolver_socket *sock;

	LIST_FOREACH (sock, &resolver->sockets, link)
		if (sock->io.fd == fd)
			break;
	if (!readable && !writable) {
		if (sock)
			socket_forget(sock);
		return;
	}
	if (!sock)
		sock = socket_new(resolver, fd);
	if (sock)
		loop_io_want(&sock->io, readable, writable);
}

static int channel_open(struct resolver *resolver, const struct resolver_conf *conf)
{
	char lookups[] = "fb"; /* /etc/hosts, then DNS */
	struct ares_options options = {
		.timeout = conf->timeout_ms ? (int)conf->timeout_ms : TIMEOUT_MS,
		.tries = conf->tries ? conf->tries : TRIES,
		.lookups = lookups,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = resolver,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;

	if (ares_init_options(&resolver->channel, &options, mask) != ARES_SUCCESS)
		return err_new(-ENOMEM);
	if (conf->servers &&
	    ares_set_servers_ports_csv(resolver->channel, conf->servers) != ARES_SUCCESS) {
		ares_destroy(resolver->channel);
		return err_new(-EINVAL);
	}
	return 0;
}

int resolver_new(struct loop *loop, const struct resolver_conf *conf,
		 struct resolver **ret_resolver)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct resolver *resolver = OBJ_NEW(struct resolver, RESOLVER_KIND);

	if (!resolver)
		return err_new(-ENOMEM);
	pthread_once(&once, library_start);
	resolver->loop = loop;
	LIST_INIT(&resolver->questions);
	LIST_INIT(&resolver->sockets);
	loop_timer_init(&resolver->timer, loop, on_timer, resolver);
	int r = channel_open(resolver, conf);
	if (r < 0) {
		OBJ_FREE(resolver);
		return err_pass(r);
	}
	*ret_resolver = resolver;
	return 0;
}

static void question_free(struct question *question)
{
	LIST_REMOVE(question, link);
	loop_undefer(question->resolver->loop, &question->task);
	OBJ_FREE(question);
}

void resolver_free(struct resolver *resolver)
{
	struct question *question, *next;

	if (!resolver)
		return;
	MUST(resolver->kind == RESOLVER_KIND);
	ares_destroy(resolver->channel); /* calls back for what is under way, which defers it */
	LIST_FOREACH_SAFE (question, &resolver->questions, link, next)
		question_free(question);
	loop_timer_stop(&resolver->timer);
	MUST(LIST_EMPTY(&resolver->sockets));
	OBJ_FREE(resolver);
}

static void on_told(void *arg)
{
	struct question *question = OBJ_CAST(struct question, arg, QUESTION_KIND);
	resolver_fn fn = question->fn;

	LIST_REMOVE(question, link);
	fn(&question->resolved, question->arg);
	OBJ_FREE(question);
}

static void addrs_add(struct resolved *resolved, const struct ares_addrinfo_node *nodes, int family)
{
	for (; nodes; nodes = nodes->ai_next) {
		if (nodes->ai_family != family || resolved->n_addrs == RESOLVER_MAX_ADDRS)
			continue;
		struct addr addr = addr_from_sockaddr(nodes->ai_addr, nodes->ai_addrlen);
		addr_set_port(&addr, 0);
		resolved->addrs[resolved->n_addrs++] = addr;
		resolved->ttl_s = MIN(resolved->ttl_s, (uint32_t)MAX(nodes->ai_ttl, 0));
	}
}

static int error_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
	case ARES_EBADNAME:
		return -ENOENT;
	case ARES_ETIMEOUT:
		return -ETIMEDOUT;
	default:
		return -EIO;
	}
}

static void on_answer(void *arg, int status, int n_timeouts, struct ares_addrinfo *info)
{
	struct question *question = OBJ_CAST(struct question, arg, QUESTION_KIND);
	struct resolved *resolved = &question->resolved;

	(void)n_timeouts;
	resolved->r = error_of(status);
	if (info && status == ARES_SUCCESS) {
		resolved->ttl_s = UINT32_MAX;
		addrs_add(resolved, info->nodes, AF_INET);
		addrs_add(resolved, info->nodes, AF_INET6);
		if (resolved->n_addrs == 0)
			*resolved = (struct resolved){ .r = -ENOENT };
	}
	if (info)
		ares_freeaddrinfo(info);
	loop_defer(question->resolver->loop, &question->task);
}

int resolver_ask(struct resolver *resolver, const char *name, resolver_fn fn, void *arg)
{
	const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = ARES_AI_NOSORT,
	};
	struct addr literal;

	MUST(resolver->kind == RESOLVER_KIND);
	struct question *question = OBJ_NEW(struct question, QUESTION_KIND);
	if (!question)
		return err_new(-ENOMEM);
	question->resolver = resolver;
	question->fn = fn;
	question->arg = arg;
	question->task = (struct loop_task){ .fn = on_told, .arg = question };
	LIST_INSERT_HEAD(&resolver->questions, question, link);
	if (addr_parse_ip(span_str(name), &literal)) {
		question->resolved = (struct resolved){ .ttl_s = UINT32_MAX,
							.n_addrs = 1,
							.addrs = { literal } };
		loop_defer(resolver->loop, &question->task);
		return 0;
	}
	ares_getaddrinfo(resolver->channel, name, NULL, &hints, on_answer, question);
	timer_update(resolver);
	return 0;
}
