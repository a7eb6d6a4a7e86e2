/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp: which lines there are: accepted, dialled, kept. What happens on one is in line.c.
 */
#include "cluster/wire/tcp_priv.h"
#include "core/error.h"
#include "core/log.h"

enum {
	QUIET_MS = 60000, /* then a kept line says that it is there */
	IDLE_MS = 180000,
	ACCEPTS_A_TURN = 16,
	REDIAL_MOST_MS = 5000,
};

static void dial_kept(struct tcp *tcp);

const char *tcp_loss_name(enum tcp_loss loss)
{
	switch (loss) {
	case TCP_REFUSED:
		return "refused";
	case TCP_RESET:
		return "reset";
	case TCP_CLOSED:
		return "closed";
	case TCP_TIMED_OUT:
		return "timed_out";
	case TCP_REJECTED:
		return "rejected";
	}
	UNREACHABLE();
}

static void on_reaper(void *arg)
{
	struct tcp *tcp = OBJ_CAST(struct tcp, arg, TCP_KIND);
	struct tcp_line *line;

	while ((line = TAILQ_FIRST(&tcp->ended))) {
		TAILQ_REMOVE(&tcp->ended, line, entry);
		line_free(line);
	}
	/* What is to be kept and has just ended is dialled again at once: that dial tells why. */
	dial_kept(tcp);
}

/* --- accepting and dialling ----------------------------------------------------------------- */

static size_t n_strangers(const struct tcp *tcp)
{
	const struct tcp_line *line;
	size_t n = 0;

	TAILQ_FOREACH (line, &tcp->lines, entry)
		n += line->state == LINE_AWAIT;
	return n;
}

static void accepted(struct tcp *tcp, int fd, const struct addr *from)
{
	if (tcp->n_lines >= TCP_MAX_LINES || n_strangers(tcp) >= TCP_MAX_STRANGERS) {
		tcp->out->rejected(tcp->arg, from, REJECT_BUSY);
		close(fd);
		return;
	}
	struct tcp_line *line = line_new(tcp, from);
	if (!line) {
		close(fd);
		return;
	}
	line->state = LINE_AWAIT;
	if (conn_accept(tcp->loop, fd, from, NULL, &line_events, line, &line->conn) < 0)
		line_close(line);
	else
		line_watch(line);
}

static void on_listener(void *arg)
{
	struct tcp *tcp = OBJ_CAST(struct tcp, arg, TCP_KIND);

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(tcp->listener.fd, (struct sockaddr *)&from, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
				LOG_WARN("cluster.accept_failed", kv_err(-errno));
			return;
		}
		struct addr addr = addr_from_sockaddr((struct sockaddr *)&from, len);
		accepted(tcp, fd, &addr);
	}
}

static int dial(struct tcp *tcp, const struct member_id *to, const struct addr *addr,
		struct tcp_line **ret_line)
{
	struct conn_target target = { .addr = *addr };

	if (tcp->n_lines >= TCP_MAX_LINES)
		return err_new(-EBUSY);
	struct tcp_line *line = line_new(tcp, addr);
	if (!line)
		return err_new(-ENOMEM);
	line->dialled = true;
	if (to) {
		line->id = *to;
		line->knows_id = true;
	}
	int r = conn_connect(tcp->loop, &target, &line_events, line, &line->conn);
	if (r < 0) {
		line_close(line);
		return err_pass(r);
	}
	line_watch(line);
	*ret_line = line;
	return 0;
}

/* A line that stands, else one that is on its way, with this member. */
static struct tcp_line *line_with(struct tcp *tcp, const struct member_id *id)
{
	struct tcp_line *line, *best = NULL;

	TAILQ_FOREACH (line, &tcp->lines, entry) {
		if (line->knows_id && member_id_equal(&line->id, id) &&
		    (!best || line->state == LINE_OPEN))
			best = line;
	}
	return best;
}

static struct tcp_line *line_to(struct tcp *tcp, const struct addr *addr)
{
	struct tcp_line *line;

	TAILQ_FOREACH (line, &tcp->lines, entry) {
		if (line->dialled && addr_eq(&line->addr, addr))
			return line;
	}
	return NULL;
}

int tcp_send(struct tcp *tcp, const struct member_id *to, const struct addr *addr,
	     struct span plain)
{
	struct tcp_line *line = to ? line_with(tcp, to) : line_to(tcp, addr);
	int r = 0;

	MUST(tcp->kind == TCP_KIND);
	if (plain.len > TCP_MAX_PLAIN_BYTES)
		return err_new(-EMSGSIZE);
	if (!line)
		r = dial(tcp, to, addr, &line);
	if (r < 0 || !line)
		return err_pass(r);
	return line_say(line, plain);
}

void tcp_keep(struct tcp *tcp, const struct tcp_keep *keep, size_t n)
{
	struct kept old[TCP_MAX_KEPT];
	size_t n_old = tcp->n_kept;

	MUST(n <= TCP_MAX_KEPT);
	memcpy(old, tcp->kept, sizeof(old));
	for (size_t i = 0; i < n; i++) {
		tcp->kept[i] = (struct kept){ .what = keep[i], .next_at = loop_now(tcp->loop) };
		for (size_t k = 0; k < n_old; k++) {
			if (!member_id_equal(&old[k].what.id, &keep[i].id))
				continue;
			tcp->kept[i].next_at = old[k].next_at;
			tcp->kept[i].wait_ms = old[k].wait_ms;
		}
	}
	tcp->n_kept = n;
	struct tcp_line *line;
	TAILQ_FOREACH (line, &tcp->lines, entry)
		line->kept = false;
}

static void keep_one(struct tcp *tcp, struct kept *kept)
{
	struct tcp_line *line = line_with(tcp, &kept->what.id);

	if (!line && mono_before(loop_now(tcp->loop), kept->next_at))
		return;
	if (!line && dial(tcp, &kept->what.id, &kept->what.addr, &line) < 0) {
		kept->next_at = mono_add_ms(loop_now(tcp->loop), REDIAL_MOST_MS);
		return;
	}
	line->kept = true;
	if (line->state == LINE_OPEN)
		kept->wait_ms = 0;
}

static void dial_kept(struct tcp *tcp)
{
	for (size_t i = 0; i < tcp->n_kept; i++)
		keep_one(tcp, &tcp->kept[i]);
}

static void tend(struct tcp_line *line)
{
	mono_t now = loop_now(line->tcp->loop);

	if (line->state != LINE_OPEN)
		return; /* the conn's deadline watches it */
	if (mono_diff_ms(now, line->heard_at) > IDLE_MS &&
	    mono_diff_ms(now, line->said_at) > IDLE_MS)
		line_close(line);
	else if (line->kept && mono_diff_ms(now, line->said_at) > QUIET_MS)
		(void)line_say(line, SPAN_NONE);
}

void tcp_tick(struct tcp *tcp)
{
	struct tcp_line *line, *next;

	MUST(tcp->kind == TCP_KIND);
	dial_kept(tcp);
	TAILQ_FOREACH_SAFE (line, &tcp->lines, entry, next)
		tend(line);
}

int tcp_new(struct loop *loop, const struct handshake_self *self, int listen_fd,
	    const struct tcp_out *out, void *arg, struct tcp **ret_tcp)
{
	struct tcp *tcp = OBJ_NEW(struct tcp, TCP_KIND);

	if (!tcp)
		return err_new(-ENOMEM);
	tcp->loop = loop;
	tcp->self = self;
	tcp->out = out;
	tcp->arg = arg;
	TAILQ_INIT(&tcp->lines);
	TAILQ_INIT(&tcp->ended);
	tcp->reaper = (struct loop_task){ .fn = on_reaper, .arg = tcp };
	loop_io_init(&tcp->listener, loop, listen_fd, on_listener, NULL, tcp);
	int r = loop_io_want(&tcp->listener, true, false);
	if (r < 0) {
		tcp_free(tcp);
		return err_pass(r);
	}
	*ret_tcp = tcp;
	return 0;
}

void tcp_free(struct tcp *tcp)
{
	struct tcp_line *line;

	if (!tcp)
		return;
	tcp->n_kept = 0;
	loop_io_stop(&tcp->listener);
	while ((line = TAILQ_FIRST(&tcp->lines)))
		line_close(line);
	loop_undefer(tcp->loop, &tcp->reaper);
	on_reaper(tcp);
	OBJ_FREE(tcp);
}
