/* SPDX-License-Identifier: Apache-2.0
 *
 * udp: recvmmsg into one block of buffers. A turn ends after 64 packets or two milliseconds of
 * work; the socket is level-triggered, so the rest comes with the next turn.
 */
#include "cluster/wire/udp.h"

#include "cluster/wire/seal.h"
#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

#define UDP_KIND OBJ_KIND('c', 'u', 'd', 'p')

enum {
	BATCH = 16,
	PACKETS_A_TURN = 64,
	TURN_US = 2000,
	SLOT_BYTES = SEAL_MAX_DATAGRAM_BYTES + 1, /* one more: too long is noticed, not cut */
};

struct udp {
	uint32_t kind;
	struct loop_io io;
	struct loop_task more; /* hands out what is left, in the next turn */
	int n_read, next;
	const struct udp_out *out;
	void *arg;
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage from[BATCH];
	uint8_t bytes[BATCH][SLOT_BYTES];
};

static bool receive_batch(struct udp *udp)
{
	for (int i = 0; i < BATCH; i++) {
		udp->iov[i] = (struct iovec){ .iov_base = udp->bytes[i], .iov_len = SLOT_BYTES };
		udp->messages[i].msg_hdr = (struct msghdr){ .msg_name = &udp->from[i],
							    .msg_namelen = sizeof(udp->from[i]),
							    .msg_iov = &udp->iov[i],
							    .msg_iovlen = 1 };
	}
	int n = recvmmsg(udp->io.fd, udp->messages, BATCH, MSG_DONTWAIT, NULL);
	/* ECONNREFUSED and its like are ICMP's answers to what we sent: the probes will tell. */
	if (n < 0 && (errno == EBADF || errno == ENOTSOCK || errno == ENOMEM))
		LOG_WARN("cluster.receive_failed", kv_err(-errno));
	udp->next = 0;
	udp->n_read = MAX(n, 0);
	return n > 0;
}

static void hand_out(struct udp *udp)
{
	int i = udp->next++;
	struct addr from = addr_from_sockaddr((struct sockaddr *)&udp->from[i],
					      udp->messages[i].msg_hdr.msg_namelen);

	if (from.len != 0)
		udp->out->received(udp->arg, &from,
				   span_of(udp->bytes[i], udp->messages[i].msg_len));
}

static void on_readable(void *arg)
{
	struct udp *udp = OBJ_CAST(struct udp, arg, UDP_KIND);
	mono_t begun = mono_read();

	for (int i = 0; i < PACKETS_A_TURN; i++) {
		if (udp->next == udp->n_read && !receive_batch(udp))
			return;
		hand_out(udp);
		if (mono_diff_us(mono_read(), begun) > TURN_US)
			break;
	}
	if (udp->next < udp->n_read)
		loop_defer(udp->io.loop, &udp->more);
}

int udp_new(struct loop *loop, int fd, const struct udp_out *out, void *arg, struct udp **ret_udp)
{
	struct udp *udp = OBJ_NEW(struct udp, UDP_KIND);

	if (!udp)
		return err_new(-ENOMEM);
	udp->out = out;
	udp->arg = arg;
	udp->more = (struct loop_task){ .fn = on_readable, .arg = udp };
	loop_io_init(&udp->io, loop, fd, on_readable, NULL, udp);
	int r = loop_io_want(&udp->io, true, false);
	if (r < 0) {
		OBJ_FREE(udp);
		return err_pass(r);
	}
	*ret_udp = udp;
	return 0;
}

void udp_free(struct udp *udp)
{
	if (!udp)
		return;
	MUST(udp->kind == UDP_KIND);
	loop_undefer(udp->io.loop, &udp->more);
	loop_io_stop(&udp->io);
	OBJ_FREE(udp);
}

int udp_send(struct udp *udp, const struct addr *to, struct span packet)
{
	MUST(udp->kind == UDP_KIND && packet.len <= SEAL_MAX_DATAGRAM_BYTES);
	ssize_t n = sendto(udp->io.fd, packet.at, packet.len, MSG_DONTWAIT | MSG_NOSIGNAL, &to->any,
			   to->len);

	return n < 0 ? err_new(-errno) : 0;
}
