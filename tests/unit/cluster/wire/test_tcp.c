/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp: lines between members on the loopback: messages, refusals, and the end of a process.
 */
#include "tests/unit/cluster/fixture.h"

#include "cluster/wire/tcp.h"

enum { MAX_TURNS = 2000, BIG_BYTES = 200 * 1024 };

struct world;
struct end {
	struct world *world;
	struct loop *loop;
	struct identity *identity;
	struct handshake_self self;
	struct tcp *tcp;
	int fd;
	struct addr addr;
	size_t n_messages, n_bytes;
	unsigned n_met, n_lost, n_refused, n_rejected[N_REJECTS];
	enum tcp_loss loss;
	enum seal_hint why;
	bool echo;
};
struct world {
	char *folder;
	struct keyring keyring, other;
	struct loop *loop;
	struct end a, b, m;
};

static void on_deliver(void *arg, const struct member_id *from, const struct addr *addr,
		       struct span plain)
{
	struct end *end = arg;

	end->n_messages++;
	end->n_bytes += plain.len;
	if (end->echo)
		assert_int_equal(tcp_send(end->tcp, from, addr, plain), 0);
}

static void on_met(void *arg, const struct proven_member *other, const struct addr *addr)
{
	(void)other;
	(void)addr;
	((struct end *)arg)->n_met++;
}

static void on_lost(void *arg, const struct member_id *id, const struct addr *addr,
		    enum tcp_loss why)
{
	(void)id;
	(void)addr;
	((struct end *)arg)->n_lost++;
	((struct end *)arg)->loss = why;
}

static void on_refused(void *arg, const struct addr *by, enum seal_hint why)
{
	(void)by;
	((struct end *)arg)->n_refused++;
	((struct end *)arg)->why = why;
}

static void on_rejected(void *arg, const struct addr *from, enum reject why)
{
	(void)from;
	((struct end *)arg)->n_rejected[why]++;
}

static const struct tcp_out out = {
	.deliver = on_deliver,
	.met = on_met,
	.lost = on_lost,
	.refused = on_refused,
	.rejected = on_rejected,
};

static void end_start(struct end *end)
{
	assert_int_equal(tcp_new(end->loop, &end->self, end->fd, &out, end, &end->tcp), 0);
}

static void end_make(struct world *w, struct end *end, const char *name, struct keyring *keyring)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(any);

	end->world = w;
	end->loop = w->loop;
	end->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(end->fd, (struct sockaddr *)&any, len), 0);
	assert_int_equal(listen(end->fd, 16), 0);
	assert_int_equal(getsockname(end->fd, (struct sockaddr *)&any, &len), 0);
	end->addr = addr_from_sockaddr((struct sockaddr *)&any, len);
	end->identity = fixture_identity(w->folder, name, keyring);
	end->self = (struct handshake_self){ keyring, end->identity };
	end_start(end);
}

static struct world *world_make(void)
{
	struct world *w = calloc(1, sizeof(*w));

	w->folder = fixture_folder();
	w->keyring = fixture_authority(w->folder, "c");
	w->other = fixture_authority(w->folder, "c2");
	fixture_admit(w->folder, "c", "a", ROLE_EDGE);
	fixture_admit(w->folder, "c", "b", ROLE_EDGE);
	fixture_admit(w->folder, "c2", "m", ROLE_EDGE);
	assert_int_equal(loop_new("test", &w->loop), 0);
	end_make(w, &w->a, "a", &w->keyring);
	end_make(w, &w->b, "b", &w->keyring);
	end_make(w, &w->m, "m", &w->other);
	return w;
}

static void world_drop(struct world *w)
{
	struct end *const ends[] = { &w->a, &w->b, &w->m };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		tcp_free(ends[i]->tcp);
		identity_close(ends[i]->identity);
		close(ends[i]->fd);
	}
	loop_free(w->loop);
	fixture_folder_free(w->folder);
	free(w);
}

#define TURN_UNTIL(w, cond)                                                                        \
	do {                                                                                       \
		for (int turn_ = 0; turn_ < MAX_TURNS && !(cond); turn_++) {                       \
			loop_turn((w)->loop, 5);                                                   \
			tcp_tick((w)->a.tcp);                                                      \
		}                                                                                  \
		assert_true(cond);                                                                 \
	} while (0)

static const struct member_id *id_of(const struct end *end)
{
	return &end->identity->certificate.id;
}

static void messages_go_both_ways_on_one_line(void **state)
{
	struct world *w = world_make();

	(void)state;
	w->b.echo = true;
	for (int i = 0; i < 5; i++)
		assert_int_equal(tcp_send(w->a.tcp, id_of(&w->b), &w->b.addr, SPAN_LIT("hello")),
				 0);
	TURN_UNTIL(w, w->a.n_messages == 5);
	assert_int_equal(w->a.n_bytes, 25);
	assert_int_equal(w->a.n_met, 1);
	assert_int_equal(w->b.n_met, 1);
	world_drop(w);
}

static void large_message_arrives_whole(void **state)
{
	struct world *w = world_make();
	uint8_t *big = calloc(1, TCP_MAX_PLAIN_BYTES + 1);

	(void)state;
	w->b.echo = true;
	assert_int_equal(tcp_send(w->a.tcp, NULL, &w->b.addr, span_of(big, BIG_BYTES)), 0);
	TURN_UNTIL(w, w->a.n_messages == 1);
	assert_int_equal(w->a.n_bytes, BIG_BYTES);
	assert_int_equal(
		tcp_send(w->a.tcp, id_of(&w->b), &w->b.addr, span_of(big, TCP_MAX_PLAIN_BYTES + 1)),
		-EMSGSIZE);
	free(big);
	world_drop(w);
}

static void other_cluster_is_refused_counted_and_told(void **state)
{
	struct world *w = world_make();

	(void)state;
	assert_int_equal(tcp_send(w->m.tcp, id_of(&w->a), &w->a.addr, SPAN_LIT("hello")), 0);
	TURN_UNTIL(w, w->m.n_refused == 1 && w->m.n_lost == 1);
	assert_int_equal(w->m.why, SEAL_HINT_GROUP);
	assert_int_equal(w->a.n_rejected[REJECT_OTHER_GROUP], 1);
	assert_int_equal(w->a.n_messages, 0);
	world_drop(w);
}

static void another_at_the_address_gets_nothing(void **state)
{
	struct world *w = world_make();
	const struct member_id stranger = { { 9 } };

	(void)state;
	assert_int_equal(tcp_send(w->a.tcp, &stranger, &w->b.addr, SPAN_LIT("secret")), 0);
	TURN_UNTIL(w, w->a.n_lost == 1);
	assert_int_equal(w->a.loss, TCP_REJECTED);
	assert_int_equal(w->b.n_messages, 0);
	world_drop(w);
}

static void end_of_a_kept_line_and_the_dial_behind_it_are_noticed(void **state)
{
	struct world *w = world_make();
	const struct tcp_keep keep = { *id_of(&w->b), w->b.addr };

	(void)state;
	tcp_keep(w->a.tcp, &keep, 1);
	TURN_UNTIL(w, w->a.n_met == 1 && w->b.n_met == 1);
	/* The process ends: its lines and its listener go. */
	tcp_free(w->b.tcp);
	w->b.tcp = NULL;
	close(w->b.fd);
	TURN_UNTIL(w, w->a.n_lost >= 2);
	assert_int_equal(w->a.loss, TCP_REFUSED);
	w->b.fd = dup(w->a.fd);
	world_drop(w);
}

static void kept_line_comes_back_with_the_member(void **state)
{
	struct world *w = world_make();
	const struct tcp_keep keep = { *id_of(&w->b), w->b.addr };

	(void)state;
	tcp_keep(w->a.tcp, &keep, 1);
	TURN_UNTIL(w, w->b.n_met == 1);
	tcp_free(w->b.tcp);
	end_start(&w->b);
	TURN_UNTIL(w, w->b.n_met == 2);
	tcp_keep(w->a.tcp, NULL, 0);
	world_drop(w);
}

static void garbage_ends_the_line(void **state)
{
	struct world *w = world_make();
	static const char frames[][8] = { "\0\0\0\x05hel", "\xff\xff\xff\xffx", "\0\0\xff\0xyz" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		assert_int_equal(connect(fd, &w->a.addr.any, w->a.addr.len), 0);
		assert_int_equal(write(fd, frames[i], 8), 8);
		TURN_UNTIL(w, w->a.n_rejected[REJECT_MALFORMED] == i + 1);
		close(fd);
	}
	for (int i = TCP_REFUSED; i <= TCP_REJECTED; i++)
		assert_non_null(tcp_loss_name((enum tcp_loss)i));
	world_drop(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_go_both_ways_on_one_line),
		cmocka_unit_test(large_message_arrives_whole),
		cmocka_unit_test(other_cluster_is_refused_counted_and_told),
		cmocka_unit_test(another_at_the_address_gets_nothing),
		cmocka_unit_test(end_of_a_kept_line_and_the_dial_behind_it_are_noticed),
		cmocka_unit_test(kept_line_comes_back_with_the_member),
		cmocka_unit_test(garbage_ends_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
