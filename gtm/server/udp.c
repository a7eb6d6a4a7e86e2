/* SPDX-License-Identifier: Apache-2.0
 *
 * udp: see the header. The arrays of a batch are set up once: a turn touches lengths alone. A
 * socket bound to no address in particular learns each query's destination (IP_PKTINFO) and answers
 * from there.
 */
#include "gtm/server/udp.h"

#include <netinet/ip.h>

#include "core/error.h"
#include "core/obj.h"
#include "gtm/server/gtm_metrics.h"
#include "gtm/server/query.h"

enum { BATCH = 64, MAX_QUERY = 1500, MAX_BATCHES_A_TURN = 8, CONTROL_BYTES = 64 };

struct slot {
	struct sockaddr_storage from;
	struct iovec in_iov, out_iov;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_BYTES];
	uint8_t in[MAX_QUERY];
	uint8_t out[DNS_MAX_UDP];
};

struct udp_server {
	uint32_t kind;
	int fd;
	bool any_address;
	const struct serving *serving;
	struct loop_io io;
	struct mmsghdr in[BATCH], out[BATCH];
	struct slot slots[BATCH];
};

#define UDP_KIND OBJ_KIND('u', 'd', 'p', 's')

/* The destination that came with the query is the source of the answer; the interface is the
 * kernel's choice. */
static void answer_from_there(struct msghdr *out, struct msghdr *in)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(in); c; c = CMSG_NXTHDR(in, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_ifindex = 0;
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			((struct in6_pktinfo *)(void *)CMSG_DATA(c))->ipi6_ifindex = 0;
	}
	out->msg_control = in->msg_control;
	out->msg_controllen = in->msg_controllen;
}

static void answer_one(struct udp_server *server, unsigned i, unsigned *n_out)
{
	struct msghdr *in = &server->in[i].msg_hdr;
	struct slot *slot = &server->slots[i];
	struct addr from = addr_from_sockaddr((struct sockaddr *)&slot->from, in->msg_namelen);
	size_t len = 0;

	if (!(in->msg_flags & MSG_TRUNC))
		len = answer_make(server->serving, span_of(slot->in, server->in[i].msg_len), &from,
				  ANSWER_UDP, slot->out, sizeof(slot->out));
	if (len == 0)
		return;
	struct msghdr *out = &server->out[*n_out].msg_hdr;
	slot->out_iov.iov_len = len;
	out->msg_name = &slot->from;
	out->msg_namelen = in->msg_namelen;
	out->msg_iov = &slot->out_iov;
	out->msg_control = NULL;
	out->msg_controllen = 0;
	if (server->any_address)
		answer_from_there(out, in);
	(*n_out)++;
}

/* What the kernel does not take is lost, as on any network: the asker asks again. */
static void send_all(struct udp_server *server, unsigned n)
{
	unsigned at = 0;

	while (at < n) {
		int sent = sendmmsg(server->fd, server->out + at, n - at, MSG_DONTWAIT);
		if (sent > 0) {
			at += (unsigned)sent;
			continue;
		}
		if (sent < 0 && errno == EINTR)
			continue;
		metric_add(server->serving->metrics, GTM_METRIC_SEND_FAILED, 1);
		at++;
	}
}

/* The number of queries read. */
static unsigned run_batch(struct udp_server *server)
{
	unsigned n_out = 0;

	for (unsigned i = 0; i < BATCH; i++) {
		server->in[i].msg_hdr.msg_namelen = sizeof(server->slots[i].from);
		server->in[i].msg_hdr.msg_controllen = server->any_address ? CONTROL_BYTES : 0;
	}
	int n = recvmmsg(server->fd, server->in, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		answer_one(server, (unsigned)i, &n_out);
	send_all(server, n_out);
	return n > 0 ? (unsigned)n : 0;
}

static void on_readable(void *arg)
{
	struct udp_server *server = OBJ_CAST(struct udp_server, arg, UDP_KIND);

	for (unsigned i = 0; i < MAX_BATCHES_A_TURN; i++) {
		if (run_batch(server) < BATCH)
			return;
	}
}

static void set_up(struct udp_server *server)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct slot *slot = &server->slots[i];
		slot->in_iov = (struct iovec){ slot->in, sizeof(slot->in) };
		slot->out_iov = (struct iovec){ slot->out, 0 };
		server->in[i].msg_hdr = (struct msghdr){
			.msg_name = &slot->from,
			.msg_iov = &slot->in_iov,
			.msg_iovlen = 1,
			.msg_control = server->any_address ? slot->control : NULL,
		};
		server->out[i].msg_hdr.msg_iovlen = 1;
	}
}

static bool is_any(const struct addr *addr)
{
	struct span ip = addr_ip(addr);

	for (size_t i = 0; i < ip.len; i++) {
		if (ip.at[i])
			return false;
	}
	return true;
}

static int learn_destinations(const struct udp_server *server, const struct addr *listen)
{
	bool v4 = listen->any.sa_family == AF_INET;
	int on = 1;

	if (!server->any_address)
		return 0;
	if (setsockopt(server->fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
		       v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, &on, sizeof(on)) < 0)
		return err_new(-errno);
	return 0;
}

int udp_server_new(struct loop *loop, int fd, const struct addr *listen,
		   const struct serving *serving, struct udp_server **ret_server)
{
	struct udp_server *server = OBJ_NEW(struct udp_server, UDP_KIND);

	if (!server)
		return err_new(-ENOMEM);
	server->fd = fd;
	server->serving = serving;
	server->any_address = is_any(listen);
	set_up(server);
	loop_io_init(&server->io, loop, fd, on_readable, NULL, server);
	int r = learn_destinations(server, listen);
	if (r == 0)
		r = loop_io_want(&server->io, true, false);
	if (r < 0) {
		udp_server_free(server);
		return err_pass(r);
	}
	*ret_server = server;
	return 0;
}

void udp_server_stop(struct udp_server *server)
{
	loop_io_stop(&server->io);
	on_readable(server);
}

void udp_server_free(struct udp_server *server)
{
	if (!server)
		return;
	loop_io_stop(&server->io);
	OBJ_FREE(server);
}
