/* SPDX-License-Identifier: Apache-2.0
 *
 * sock: the registry: finding, binding and dropping listening sockets. The take-over is in
 * sock_takeover.c.
 */
#include "core/net/sock.h"

#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/log.h"
#include "core/net/sock_priv.h"
#include "core/obj.h"

#define REGISTRY_KIND OBJ_KIND('s', 'o', 'c', 'r')

/* The kernel cuts it to net.core.somaxconn. */
enum { BACKLOG = 65535 };

struct sock_registry *sock_registry_check(struct sock_registry *registry)
{
	return OBJ_CAST(struct sock_registry, registry, REGISTRY_KIND);
}

int sock_registry_new(struct sock_registry **ret_registry)
{
	struct sock_registry *registry = OBJ_NEW(struct sock_registry, REGISTRY_KIND);

	if (!registry)
		return err_new(-ENOMEM);
	TAILQ_INIT(&registry->entries);
	*ret_registry = registry;
	return 0;
}

void sock_entries_close(struct sock_entries *entries)
{
	struct sock_entry *entry, *next;

	TAILQ_FOREACH_SAFE (entry, entries, link, next) {
		TAILQ_REMOVE(entries, entry, link);
		close(entry->fd);
		free(entry);
	}
}

static void entry_unlink_file(const struct sock_registry *registry, const struct sock_entry *entry)
{
	if (!registry->given && entry->fact.bound.any.sa_family == AF_UNIX)
		unlink(entry->fact.bound.un.sun_path);
}

void sock_registry_free(struct sock_registry *registry)
{
	struct sock_entry *entry;

	if (!registry)
		return;
	MUST(registry->kind == REGISTRY_KIND);
	TAILQ_FOREACH (entry, &registry->entries, link)
		entry_unlink_file(registry, entry);
	sock_entries_close(&registry->entries);
	OBJ_FREE(registry);
}

/* Equal but for the slot. */
static bool same_group(const struct sock_fact *a, const struct sock_fact *b)
{
	return a->type == b->type && strcmp(a->purpose, b->purpose) == 0 &&
	       addr_eq(&a->asked, &b->asked);
}

struct sock_entry *sock_find(const struct sock_entries *entries, const struct sock_fact *key)
{
	struct sock_entry *entry;

	TAILQ_FOREACH (entry, entries, link)
		if (entry->fact.slot == key->slot && same_group(&entry->fact, key))
			return entry;
	return NULL;
}

/* ---- binding ----------------------------------------------------------------------------------
 */

static int option_on(int fd, int level, int name)
{
	const int on = 1;

	return setsockopt(fd, level, name, &on, sizeof(on)) == 0 ? 0 : err_new(-errno);
}

static int socket_new(const struct sock_fact *fact, int *ret_fd)
{
	int type = fact->type == SOCK_TYPE_STREAM ? SOCK_STREAM : SOCK_DGRAM;
	int family = fact->asked.any.sa_family;
	CLEANUP(fd_drop) int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return err_new(-errno);
	if (family == AF_INET6)
		r = option_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	/* For what was closed a moment ago (TIME_WAIT); on UDP it would let strangers in. */
	if (r == 0 && family != AF_UNIX && fact->type == SOCK_TYPE_STREAM)
		r = option_on(fd, SOL_SOCKET, SO_REUSEADDR);
	if (r < 0)
		return err_pass(r);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* SO_REUSEPORT would let us share a port with a second instance that somebody started by mistake.
 * So the first slot tries without it. Sockets of our own on that port, perhaps at another address,
 * are no stranger's. */
static int stranger_check(const struct sock_registry *registry, const struct sock_fact *fact,
			  const struct addr *addr)
{
	struct sock_entry *entry;
	CLEANUP(fd_drop) int fd = -1;

	TAILQ_FOREACH (entry, &registry->entries, link)
		if (entry->fact.type == fact->type &&
		    addr_port(&entry->fact.bound) == addr_port(addr))
			return 0;
	int r = socket_new(fact, &fd);
	if (r < 0)
		return err_pass(r);
	return bind(fd, &addr->any, addr->len) == 0 ? 0 : err_new(-errno);
}

/* Removes the file of a socket that nobody serves any more. */
static int stale_file_remove(const struct addr *addr)
{
	struct stat st;
	CLEANUP(fd_drop)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_new(-errno);
	if (lstat(addr->un.sun_path, &st) != 0)
		return errno == ENOENT ? 0 : err_new(-errno);
	if (!S_ISSOCK(st.st_mode) || connect(fd, &addr->any, addr->len) == 0 ||
	    errno != ECONNREFUSED)
		return err_new(-EADDRINUSE);
	return unlink(addr->un.sun_path) == 0 ? 0 : err_new(-errno);
}

static int socket_tune(int fd, const struct sock_wish *wish)
{
	bool is_inet = wish->addr.any.sa_family != AF_UNIX;
	int r = is_inet ? option_on(fd, SOL_SOCKET, SO_REUSEPORT) : 0;

	/* Accepted connections inherit it, which saves each a system call. */
	if (r == 0 && is_inet && wish->type == SOCK_TYPE_STREAM)
		r = option_on(fd, IPPROTO_TCP, TCP_NODELAY);
	if (r < 0)
		return err_pass(r);
	/* Cut to net.core.rmem_max where we may not force it: no reason not to start. */
	if (wish->receive_bytes && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wish->receive_bytes,
					      sizeof(wish->receive_bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wish->receive_bytes,
			   sizeof(wish->receive_bytes));
	if (wish->send_bytes && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wish->send_bytes,
					   sizeof(wish->send_bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wish->send_bytes, sizeof(wish->send_bytes));
	return 0;
}

static int bound_read(int fd, struct addr *ret_addr)
{
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, &sa.any, &len) != 0)
		return err_new(-errno);
	*ret_addr = addr_from_sockaddr(&sa.any, len);
	return 0;
}

/* Where this slot is to be bound: where its group already is, if a slot of it stands. */
static struct addr group_addr(const struct sock_registry *registry, const struct sock_fact *fact)
{
	struct sock_entry *entry;

	TAILQ_FOREACH (entry, &registry->entries, link)
		if (same_group(&entry->fact, fact))
			return entry->fact.bound;
	return fact->asked;
}

static int socket_bind(const struct sock_registry *registry, const struct sock_wish *wish,
		       struct sock_fact *fact, int *ret_fd)
{
	struct addr addr = group_addr(registry, fact);
	bool is_unix = addr.any.sa_family == AF_UNIX;
	CLEANUP(fd_drop) int fd = -1;
	int r = 0;

	if (is_unix)
		r = stale_file_remove(&addr);
	else if (addr_port(&addr))
		r = stranger_check(registry, fact, &addr);
	if (r == 0)
		r = socket_new(fact, &fd);
	if (r == 0)
		r = socket_tune(fd, wish);
	if (r < 0)
		return err_pass(r);
	if (bind(fd, &addr.any, addr.len) != 0)
		return err_new(-errno);
	if (fact->type == SOCK_TYPE_STREAM && listen(fd, BACKLOG) != 0)
		return err_new(-errno);
	r = bound_read(fd, &fact->bound);
	if (r < 0)
		return err_pass(r);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int sock_get(struct sock_registry *registry, const struct sock_wish *wish, int *ret_fd,
	     struct addr *ret_addr)
{
	struct sock_fact fact = { .type = wish->type, .slot = wish->slot, .asked = wish->addr };
	size_t purpose_len = strlen(wish->purpose);

	MUST(registry->kind == REGISTRY_KIND && wish->addr.len);
	MUST(purpose_len > 0 && purpose_len <= SOCK_PURPOSE_MAX);
	memcpy(fact.purpose, wish->purpose, purpose_len);
	struct sock_entry *entry = sock_find(&registry->entries, &fact);
	if (!entry) {
		if (registry->n_entries >= SOCK_SOCKETS_MAX)
			return err_new(-EMFILE);
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return err_new(-ENOMEM);
		int r = socket_bind(registry, wish, &fact, &entry->fd);
		if (r < 0) {
			free(entry);
			return err_pass(r);
		}
		entry->fact = fact;
		TAILQ_INSERT_TAIL(&registry->entries, entry, link);
		registry->n_entries++;
		registry->n_changes++;
	}
	entry->claimed = true;
	*ret_fd = entry->fd;
	*ret_addr = entry->fact.bound;
	return 0;
}

void sock_drop_unclaimed(struct sock_registry *registry)
{
	struct sock_entry *entry, *next;
	struct sock_entries dropped = TAILQ_HEAD_INITIALIZER(dropped);

	MUST(registry->kind == REGISTRY_KIND);
	TAILQ_FOREACH_SAFE (entry, &registry->entries, link, next) {
		if (entry->claimed)
			continue;
		entry_unlink_file(registry, entry);
		TAILQ_REMOVE(&registry->entries, entry, link);
		TAILQ_INSERT_TAIL(&dropped, entry, link);
		registry->n_entries--;
		registry->n_changes++;
	}
	sock_entries_close(&dropped);
}

void sock_take_no_more(int fd)
{
	/* Of a TCP segment: SYN without ACK is dropped, all else passes (the socket sees it from
	 * the TCP header on). */
	enum { FLAGS_AT = 13, FLAG_SYN = 0x02, FLAG_ACK = 0x10 };
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_AT),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FLAG_SYN | FLAG_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FLAG_SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = { ARRAY_LEN(code), code };

	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

void sock_give_up(struct sock_registry *registry, int fd)
{
	struct sock_entry *entry, *next;

	MUST(registry->kind == REGISTRY_KIND);
	TAILQ_FOREACH_SAFE (entry, &registry->entries, link, next) {
		if (entry->fd != fd)
			continue;
		entry_unlink_file(registry, entry);
		TAILQ_REMOVE(&registry->entries, entry, link);
		close(entry->fd);
		free(entry);
		registry->n_entries--;
		registry->n_changes++;
	}
}

/* ---- the error, told --------------------------------------------------------------------------
 */

static const char *advice(int r)
{
	switch (-r) {
	case EADDRINUSE:
		return "stop the holder, or configure another address";
	case EACCES:
	case EPERM:
		return "a port below 1024 needs root or CAP_NET_BIND_SERVICE; a path needs a "
		       "folder "
		       "that we may write to";
	case EADDRNOTAVAIL:
		return "this host has no such address: check it, or wait for the network at start";
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files";
	case EAFNOSUPPORT:
		return "this host has no IPv6: configure IPv4 addresses alone";
	default:
		return "see the error";
	}
}

void sock_error_log(const struct sock_wish *wish, int r)
{
	struct sock_holder holder = { .pid = 0, .name = "unknown" };

	if (r == -EADDRINUSE && sock_holder_find(&wish->addr, wish->type, &holder))
		LOG_ERROR("listen.failed", kv_str("purpose", wish->purpose),
			  kv_str("type", wish->type == SOCK_TYPE_STREAM ? "stream" : "datagram"),
			  kv_addr("address", &wish->addr), kv_err(r), kv_str("holder", holder.name),
			  kv_int("holder_pid", holder.pid), kv_str("advice", advice(r)));
	else
		LOG_ERROR("listen.failed", kv_str("purpose", wish->purpose),
			  kv_str("type", wish->type == SOCK_TYPE_STREAM ? "stream" : "datagram"),
			  kv_addr("address", &wish->addr), kv_err(r), kv_str("advice", advice(r)));
}
