/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz: what a stranger says on a TCP line of the cluster, up to where it ends it.
 */
#include <unistd.h>

#include "cluster/wire/tcp.h"
#include "tests/fuzz/fuzz_member.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_TURNS = 64 };

static bool ended;

static void on_deliver(void *arg, const struct member_id *from, const struct addr *addr,
		       struct span plain)
{
	(void)arg;
	(void)from;
	(void)addr;
	(void)plain;
	UNREACHABLE(); /* a stranger has no session */
}

static void on_met(void *arg, const struct proven_member *other, const struct addr *addr)
{
	(void)arg;
	(void)other;
	(void)addr;
}

static void on_lost(void *arg, const struct member_id *id, const struct addr *addr,
		    enum tcp_loss why)
{
	(void)arg;
	(void)id;
	(void)addr;
	MUST(tcp_loss_name(why));
}

static void on_refused(void *arg, const struct addr *by, enum seal_hint why)
{
	(void)arg;
	(void)by;
	(void)why;
	UNREACHABLE(); /* we have dialled nobody */
}

static void on_rejected(void *arg, const struct addr *from, enum reject why)
{
	(void)arg;
	(void)from;
	MUST(reject_word(why));
	ended = true;
}

static const struct tcp_out out = { .deliver = on_deliver,
				    .met = on_met,
				    .lost = on_lost,
				    .refused = on_refused,
				    .rejected = on_rejected };

static struct loop *loop;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_len = sizeof(sa_family_t); /* the kernel chooses an abstract name */

static void open_once(void)
{
	static struct tcp *tcp;
	int fd;

	if (tcp)
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	MUST(fd >= 0 && bind(fd, (struct sockaddr *)&address, address_len) == 0);
	MUST(listen(fd, 16) == 0);
	address_len = sizeof(address);
	MUST(getsockname(fd, (struct sockaddr *)&address, &address_len) == 0);
	MUST(loop_new("fuzz", &loop) == 0);
	MUST(tcp_new(loop, fuzz_member_self(), fd, &out, NULL, &tcp) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 64 * 1024)
		return 0;
	open_once();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(fd >= 0 && connect(fd, (struct sockaddr *)&address, address_len) == 0);
	(void)!write(fd, data, size);
	close(fd);
	ended = false;
	for (int i = 0; i < MAX_TURNS && !ended; i++)
		loop_turn(loop, 0);
	return 0;
}
