/* SPDX-License-Identifier: Apache-2.0
 *
 * sock_takeover: a registry goes from an old process to a new one.
 *
 * One heir at a time. It asks, the old process answers with a batch of at most 200 descriptors,
 * until a batch says that it was the last; when the heir serves, it says READY. Both hold all
 * sockets until then, so whichever dies on the way leaves the other serving. As no message is sent
 * that was not asked for, none ever waits in a socket's buffer.
 *
 * The new path is made beside the old one and renamed over it: at no moment is there none.
 */
#include "core/net/sock.h"

#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/log.h"
#include "core/net/sock_priv.h"
#include "core/obj.h"

#define OFFER_KIND OBJ_KIND('s', 'o', 'f', 'r')
#define HEIR_KIND  OBJ_KIND('h', 'e', 'i', 'r')

/* From the last batch to READY the heir reads its configuration and zones. */
enum { READY_MS = 60 * 1000, SMALL_MESSAGE_MAX = 64 };

struct sock_offer {
	uint32_t kind;
	struct sock_registry *registry; /* borrowed */
	struct loop *loop;
	void (*on_taken)(void *arg);
	void *arg;
	struct sockaddr_un path;
	ino_t inode; /* of the path when we made it */
	int fd;
	struct loop_io io;
	/* The heir, if one is here. */
	int heir_fd; /* -1: none */
	struct loop_io heir_io;
	struct loop_timer heir_deadline;
	size_t n_sent;
	uint64_t n_changes; /* of the registry, when the heir began to ask */
	bool all_sent;
};

struct sock_heir {
	uint32_t kind;
	int fd;
};

/* Room for the descriptors beside a message. */
union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(SOCK_BATCH_MAX * sizeof(int))];
};

static int path_addr(const char *path, struct sockaddr_un *ret_addr)
{
	size_t len = strlen(path);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (len == 0)
		return err_new(-EINVAL);
	if (len >= sizeof(addr.sun_path))
		return err_new(-ENAMETOOLONG);
	memcpy(addr.sun_path, path, len);
	*ret_addr = addr;
	return 0;
}

/* ---- the old process --------------------------------------------------------------------------
 */

static void heir_drop(struct sock_offer *offer, const char *why)
{
	if (offer->heir_fd < 0)
		return;
	loop_io_stop(&offer->heir_io);
	loop_timer_stop(&offer->heir_deadline);
	close(offer->heir_fd);
	offer->heir_fd = -1;
	loop_io_want(&offer->io, true, false);
	if (why)
		LOG_WARN("takeover.dropped", kv_str("reason", why));
}

static void on_heir_deadline(void *arg)
{
	heir_drop(OBJ_CAST(struct sock_offer, arg, OFFER_KIND), "stalled");
}

static void fds_attach(struct msghdr *message, union control *control, const int *fds, unsigned n)
{
	if (n == 0)
		return;
	size_t bytes = n * sizeof(int);
	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(bytes);
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(header), fds, bytes);
}

static bool batch_send(int fd, struct buf *text, const int *fds, unsigned n)
{
	union control control = { 0 };
	struct iovec piece = { .iov_base = text->at, .iov_len = text->len };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };

	fds_attach(&message, &control, fds, n);
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)text->len;
}

static struct sock_entry *entry_at(const struct sock_registry *registry, size_t at)
{
	struct sock_entry *entry = TAILQ_FIRST(&registry->entries);

	while (entry && at--)
		entry = TAILQ_NEXT(entry, link);
	return entry;
}

static void next_batch_send(struct sock_offer *offer)
{
	size_t n_left = offer->registry->n_entries - offer->n_sent;
	struct sock_batch batch = { .n = (unsigned)MIN(n_left, SOCK_BATCH_MAX),
				    .more = n_left > SOCK_BATCH_MAX };
	struct sock_entry *entry = entry_at(offer->registry, offer->n_sent);
	int fds[SOCK_BATCH_MAX];
	struct buf text;

	buf_init(&text, SOCK_MESSAGE_MAX);
	sock_batch_write(&text, batch);
	for (unsigned i = 0; i < batch.n; i++, entry = TAILQ_NEXT(entry, link)) {
		MUST(entry);
		fds[i] = entry->fd;
		sock_fact_write(&text, &entry->fact);
	}
	bool sent = !text.failed && batch_send(offer->heir_fd, &text, fds, batch.n);
	buf_fini(&text);
	if (!sent) {
		heir_drop(offer, "cannot send");
		return;
	}
	offer->n_sent += batch.n;
	offer->all_sent = !batch.more;
	loop_timer_set(&offer->heir_deadline,
		       mono_add_ms(loop_now(offer->loop), batch.more ? SOCK_TALK_MS : READY_MS));
}

static void taken(struct sock_offer *offer)
{
	offer->registry->given = true;
	heir_drop(offer, NULL);
	loop_io_stop(&offer->io);
	LOG_INFO("takeover.given", kv_uint("sockets", offer->registry->n_entries));
	offer->on_taken(offer->arg);
}

static void on_heir_readable(void *arg)
{
	struct sock_offer *offer = OBJ_CAST(struct sock_offer, arg, OFFER_KIND);
	uint8_t bytes[SMALL_MESSAGE_MAX];
	enum sock_message type;

	ssize_t n = recv(offer->heir_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		heir_drop(offer, "it has gone");
		return;
	}
	struct cursor c = cursor_over(span_of(bytes, (size_t)n));
	if (!sock_message_read(&c, &type) || c.rest.len)
		heir_drop(offer, "not our protocol");
	else if (offer->registry->n_changes != offer->n_changes)
		heir_drop(offer, "the registry has changed meanwhile");
	else if (type == SOCK_MESSAGE_ASK && !offer->all_sent)
		next_batch_send(offer);
	else if (type == SOCK_MESSAGE_READY && offer->all_sent)
		taken(offer);
	else
		heir_drop(offer, "out of order");
}

static bool peer_is_us(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

static void on_offer_readable(void *arg)
{
	struct sock_offer *offer = OBJ_CAST(struct sock_offer, arg, OFFER_KIND);
	CLEANUP(fd_drop) int fd = accept4(offer->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (!peer_is_us(fd)) {
		LOG_WARN("takeover.refused", kv_str("reason", "another user"));
		return;
	}
	loop_io_init(&offer->heir_io, offer->loop, fd, on_heir_readable, NULL, offer);
	if (loop_io_want(&offer->heir_io, true, false) < 0) {
		loop_io_stop(&offer->heir_io);
		return;
	}
	offer->heir_fd = TAKE_FD(fd);
	offer->n_sent = 0;
	offer->all_sent = false;
	offer->n_changes = offer->registry->n_changes;
	loop_timer_set(&offer->heir_deadline, mono_add_ms(loop_now(offer->loop), SOCK_TALK_MS));
	loop_io_want(&offer->io, false, false); /* the next one waits */
}

/* A listening socket at `path`, whatever was there before. */
/* What is no socket is somebody's file. */
static bool is_free_for_a_socket(const char *path)
{
	struct stat st;

	return lstat(path, &st) != 0 || S_ISSOCK(st.st_mode);
}

static int path_listen(const struct sockaddr_un *path, int *ret_fd, ino_t *ret_inode)
{
	struct sockaddr_un fresh = { .sun_family = AF_UNIX };
	struct stat st;
	CLEANUP(fd_drop)
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_new(-errno);
	int len = snprintf(fresh.sun_path, sizeof(fresh.sun_path), "%s.new", path->sun_path);
	if (len < 0 || (size_t)len >= sizeof(fresh.sun_path))
		return err_new(-ENAMETOOLONG);
	if (!is_free_for_a_socket(path->sun_path) || !is_free_for_a_socket(fresh.sun_path))
		return err_new(-EEXIST);
	if (unlink(fresh.sun_path) != 0 && errno != ENOENT)
		return err_new(-errno);
	if (bind(fd, (const struct sockaddr *)&fresh, sizeof(fresh)) != 0)
		return err_new(-errno);
	/* Nobody can connect before listen(): so the mode is right from the start. */
	if (chmod(fresh.sun_path, S_IRUSR | S_IWUSR) != 0 || listen(fd, 4) != 0 ||
	    stat(fresh.sun_path, &st) != 0 || rename(fresh.sun_path, path->sun_path) != 0) {
		int e = errno;
		unlink(fresh.sun_path);
		return err_new(-e);
	}
	*ret_fd = TAKE_FD(fd);
	*ret_inode = st.st_ino;
	return 0;
}

int sock_offer_open(struct sock_registry *registry, struct loop *loop, const char *path,
		    void (*on_taken)(void *arg), void *arg, struct sock_offer **ret_offer)
{
	struct sock_offer *offer = OBJ_NEW(struct sock_offer, OFFER_KIND);

	if (!offer)
		return err_new(-ENOMEM);
	offer->registry = sock_registry_check(registry);
	offer->loop = loop;
	offer->on_taken = on_taken;
	offer->arg = arg;
	offer->heir_fd = -1;
	offer->fd = -1;
	int r = path_addr(path, &offer->path);
	if (r == 0)
		r = path_listen(&offer->path, &offer->fd, &offer->inode);
	if (r < 0) {
		OBJ_FREE(offer);
		return err_pass(r);
	}
	loop_timer_init(&offer->heir_deadline, loop, on_heir_deadline, offer);
	loop_io_init(&offer->io, loop, offer->fd, on_offer_readable, NULL, offer);
	r = loop_io_want(&offer->io, true, false);
	if (r < 0) {
		sock_offer_close(offer);
		return err_pass(r);
	}
	*ret_offer = offer;
	return 0;
}

void sock_offer_close(struct sock_offer *offer)
{
	struct stat st;

	if (!offer)
		return;
	MUST(offer->kind == OFFER_KIND);
	heir_drop(offer, NULL);
	loop_io_stop(&offer->io);
	loop_timer_stop(&offer->heir_deadline);
	close(offer->fd);
	if (!offer->registry->given && stat(offer->path.sun_path, &st) == 0 &&
	    st.st_ino == offer->inode)
		unlink(offer->path.sun_path);
	OBJ_FREE(offer);
}

/* ---- the new process --------------------------------------------------------------------------
 */

struct batch_in {
	struct sock_batch batch;
	struct sock_fact *facts; /* SOCK_BATCH_MAX */
	uint8_t *bytes;          /* SOCK_MESSAGE_MAX */
	int fds[SOCK_BATCH_MAX];
	unsigned n_fds;
};

static void batch_in_drop(struct batch_in *in)
{
	for (unsigned i = 0; i < in->n_fds; i++)
		fd_drop(&in->fds[i]);
	free(in->facts);
	free(in->bytes);
}

static int message_send(int fd, enum sock_message type)
{
	struct buf text;

	buf_init(&text, SMALL_MESSAGE_MAX);
	sock_message_write(&text, type);
	int r = text.failed ? -ENOMEM : 0;
	if (r == 0 && send(fd, text.at, text.len, MSG_NOSIGNAL) != (ssize_t)text.len)
		r = -errno;
	buf_fini(&text);
	return r < 0 ? err_new(r) : 0;
}

static int readable_wait(int fd, mono_t until)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int64_t left_ms = mono_diff_ms(until, mono_read());

	int n = poll(&poll_fd, 1, left_ms > 0 ? (int)left_ms : 0);
	if (n < 0)
		return err_new(-errno);
	return n == 0 ? err_new(-ETIMEDOUT) : 0;
}

/* All that came beside a message, of whatever shape: what we don't keep must not stay open. */
static void fds_receive(struct msghdr *message, struct batch_in *in)
{
	struct cmsghdr *header;

	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		unsigned n = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		MUST(in->n_fds + n <= SOCK_BATCH_MAX); /* control has no room for more */
		memcpy(in->fds + in->n_fds, CMSG_DATA(header), n * sizeof(int));
		in->n_fds += n;
	}
}

static int batch_receive(int fd, mono_t until, struct batch_in *in)
{
	union control control = { 0 };
	struct iovec piece = { .iov_base = in->bytes, .iov_len = SOCK_MESSAGE_MAX };
	struct msghdr message = { .msg_iov = &piece,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	int r = readable_wait(fd, until);
	if (r < 0)
		return err_pass(r);
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return err_new(-errno);
	fds_receive(&message, in);
	if (message.msg_flags & MSG_CTRUNC)
		return err_new(-EMFILE); /* our limit of descriptors */
	if (message.msg_flags & MSG_TRUNC)
		return err_new(-EPROTO);
	if (!sock_batch_read(span_of(in->bytes, (size_t)n), &in->batch, in->facts) ||
	    in->batch.n != in->n_fds)
		return err_new(-EPROTO);
	return 0;
}

/* Is this descriptor what it is said to be? The kernel knows. */
static bool fact_holds(int fd, const struct sock_fact *fact)
{
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} sa;
	int type = 0;
	socklen_t len = sizeof(type), sa_len = sizeof(sa);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    type != (fact->type == SOCK_TYPE_STREAM ? SOCK_STREAM : SOCK_DGRAM) ||
	    getsockname(fd, &sa.any, &sa_len) != 0)
		return false;
	struct addr bound = addr_from_sockaddr(&sa.any, sa_len);
	return addr_eq(&bound, &fact->bound) && addr_ip_eq(&bound, &fact->asked) &&
	       (addr_port(&fact->asked) == 0 || addr_port(&fact->asked) == addr_port(&bound));
}

static int batch_keep(struct batch_in *in, const struct sock_registry *registry,
		      struct sock_entries *kept, size_t *n_kept)
{
	for (unsigned i = 0; i < in->batch.n; i++) {
		const struct sock_fact *fact = &in->facts[i];
		if (*n_kept >= SOCK_SOCKETS_MAX || !fact_holds(in->fds[i], fact) ||
		    sock_find(kept, fact) || sock_find(&registry->entries, fact))
			return err_new(-EPROTO);
		struct sock_entry *entry = calloc(1, sizeof(*entry));
		if (!entry)
			return err_new(-ENOMEM);
		entry->fact = *fact;
		entry->fd = TAKE_FD(in->fds[i]);
		TAILQ_INSERT_TAIL(kept, entry, link);
		(*n_kept)++;
	}
	return 0;
}

/* One question and its answer. 1: there is more to ask for. */
static int batch_take(int fd, mono_t until, const struct sock_registry *registry,
		      struct sock_entries *kept, size_t *n_kept)
{
	struct batch_in in = { .facts = calloc(SOCK_BATCH_MAX, sizeof(struct sock_fact)),
			       .bytes = malloc(SOCK_MESSAGE_MAX) };
	int r = in.facts && in.bytes ? 0 : err_new(-ENOMEM);

	if (r == 0)
		r = message_send(fd, SOCK_MESSAGE_ASK);
	if (r == 0)
		r = batch_receive(fd, until, &in);
	if (r == 0)
		r = batch_keep(&in, registry, kept, n_kept);
	if (r == 0)
		r = in.batch.more;
	batch_in_drop(&in);
	return r < 0 ? err_pass(r) : r;
}

int sock_take_over(struct sock_registry *registry, const char *path, struct sock_heir **ret_heir)
{
	struct sock_entries kept = TAILQ_HEAD_INITIALIZER(kept);
	mono_t until = mono_add_ms(mono_read(), SOCK_TALK_MS);
	struct sockaddr_un addr;
	size_t n_kept = 0;
	CLEANUP(fd_drop) int fd = -1;

	sock_registry_check(registry);
	int r = path_addr(path, &addr);
	if (r < 0)
		return err_pass(r);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_new(-errno);
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0)
		return errno == ENOENT || errno == ECONNREFUSED ? (int)SOCK_NOBODY
								: err_new(-errno);
	if (!peer_is_us(fd))
		return err_new(-EPERM);
	struct sock_heir *heir = OBJ_NEW(struct sock_heir, HEIR_KIND);
	if (!heir)
		return err_new(-ENOMEM);
	do
		r = batch_take(fd, until, registry, &kept, &n_kept);
	while (r > 0);
	if (r < 0) {
		sock_entries_close(&kept);
		OBJ_FREE(heir);
		return err_pass(r);
	}
	TAILQ_CONCAT(&registry->entries, &kept, link);
	registry->n_entries += n_kept;
	registry->n_changes++;
	heir->fd = TAKE_FD(fd);
	*ret_heir = heir;
	return SOCK_TAKEN;
}

void sock_heir_ready(struct sock_heir *heir)
{
	if (!heir)
		return;
	MUST(heir->kind == HEIR_KIND);
	int r = message_send(heir->fd, SOCK_MESSAGE_READY);
	if (r < 0)
		LOG_WARN("takeover.ready_unsaid", kv_err(r));
	close(heir->fd);
	OBJ_FREE(heir);
}

void sock_heir_give_up(struct sock_heir *heir, struct sock_registry *registry)
{
	if (!heir)
		return;
	MUST(heir->kind == HEIR_KIND);
	sock_registry_check(registry)->given = true;
	close(heir->fd);
	OBJ_FREE(heir);
}
