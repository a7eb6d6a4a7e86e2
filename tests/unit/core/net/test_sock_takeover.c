/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of core/net/sock_takeover: the old process is this thread and its loop, the new one another
 * thread.
 */
#include "core/net/sock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "core/net/sock_priv.h"
#include "tests/unit/core/net/net_test.h"

struct bench {
	struct test_folder folder;
	char path[NET_TEST_PATH];
	struct loop *loop;
	struct sock_registry *old, *fresh;
	struct sock_offer *offer;
	bool taken;
};

static void on_taken(void *arg)
{
	struct bench *bench = arg;

	assert_false(bench->taken);
	bench->taken = true;
}

static int bench_open(void **state)
{
	static struct bench bench;

	bench = (struct bench){ .taken = false };
	test_folder_make(&bench.folder);
	test_file(&bench.folder, "take", bench.path);
	assert_int_equal(loop_new("test", &bench.loop), 0);
	assert_int_equal(sock_registry_new(&bench.old), 0);
	assert_int_equal(sock_registry_new(&bench.fresh), 0);
	assert_int_equal(
		sock_offer_open(bench.old, bench.loop, bench.path, on_taken, &bench, &bench.offer),
		0);
	*state = &bench;
	return 0;
}

static int bench_close(void **state)
{
	static const char *const names[] = { "take", NULL };
	struct bench *bench = *state;

	sock_offer_close(bench->offer);
	sock_registry_free(bench->old);
	sock_registry_free(bench->fresh);
	loop_free(bench->loop);
	test_folder_remove(&bench->folder, names);
	return 0;
}

/* The new process: takes over, then waits for the word and says READY. */
struct taker {
	struct bench *bench;
	pthread_t thread;
	atomic_bool done;
	int r;
	struct sock_heir *heir;
};

static void *take(void *arg)
{
	struct taker *taker = arg;

	taker->r = sock_take_over(taker->bench->fresh, taker->bench->path, &taker->heir);
	atomic_store(&taker->done, true);
	return NULL;
}

static int take_over(struct bench *bench, struct sock_heir **ret_heir)
{
	struct taker taker = { .bench = bench };

	assert_int_equal(pthread_create(&taker.thread, NULL, take, &taker), 0);
	LOOP_UNTIL(bench->loop, atomic_load(&taker.done));
	pthread_join(taker.thread, NULL);
	*ret_heir = taker.heir;
	return taker.r;
}

static void sockets_fill(struct sock_registry *registry, unsigned n)
{
	struct sock_wish wish = { .purpose = "http", .type = SOCK_TYPE_STREAM };
	struct addr addr;
	int fd;

	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &wish.addr));
	for (wish.slot = 0; wish.slot < n; wish.slot++)
		assert_int_equal(sock_get(registry, &wish, &fd, &addr), 0);
}

/* The same socket, seen through another descriptor. */
static ino_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void heir_gets_every_socket_and_its_address(void **state)
{
	enum { N = 450 }; /* more than two batches */
	struct bench *bench = *state;
	struct sock_wish wish = { .purpose = "http", .type = SOCK_TYPE_STREAM };
	struct sock_heir *heir = NULL;
	struct addr before, after;
	int fd_before, fd_after;

	sockets_fill(bench->old, N);
	assert_int_equal(take_over(bench, &heir), SOCK_TAKEN);
	assert_int_equal(bench->fresh->n_entries, N);
	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &wish.addr));
	for (wish.slot = 0; wish.slot < N; wish.slot += 149) {
		assert_int_equal(sock_get(bench->old, &wish, &fd_before, &before), 0);
		assert_int_equal(sock_get(bench->fresh, &wish, &fd_after, &after), 0);
		assert_true(addr_eq(&before, &after));
		assert_int_equal(inode_of(fd_before), inode_of(fd_after));
	}
	assert_false(bench->taken);
	sock_heir_ready(heir);
	LOOP_UNTIL(bench->loop, bench->taken);
	sock_drop_unclaimed(bench->fresh);
	assert_int_equal(bench->fresh->n_entries, 4);
}

static void connection_that_waits_in_the_queue_is_not_lost(void **state)
{
	struct bench *bench = *state;
	struct sock_wish wish = { .purpose = "http", .type = SOCK_TYPE_STREAM };
	struct sock_heir *heir = NULL;
	struct addr addr;
	int fd;

	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &wish.addr));
	assert_int_equal(sock_get(bench->old, &wish, &fd, &addr), 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, &addr.any, addr.len), 0);
	assert_int_equal(take_over(bench, &heir), SOCK_TAKEN);
	sock_heir_ready(heir);
	LOOP_UNTIL(bench->loop, bench->taken);
	sock_offer_close(TAKE(bench->offer));
	sock_registry_free(TAKE(bench->old));
	assert_int_equal(sock_get(bench->fresh, &wish, &fd, &addr), 0);
	int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(accepted >= 0);
	close(accepted);
	close(client);
}

static void nobody_there_is_an_outcome(void **state)
{
	struct bench *bench = *state;
	struct sock_heir *heir = NULL;
	struct stat st;

	assert_int_equal(stat(bench->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	sock_offer_close(TAKE(bench->offer));
	assert_int_equal(stat(bench->path, &st), -1); /* not taken over: it cleans up */
	assert_int_equal(sock_take_over(bench->fresh, bench->path, &heir), SOCK_NOBODY);
	assert_null(heir);
}

static void heir_that_dies_leaves_the_old_one_serving(void **state)
{
	struct bench *bench = *state;
	struct sock_heir *heir = NULL;

	sockets_fill(bench->old, 2);
	/* Says nothing, and goes. */
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.100s", bench->path);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	/* Talks nonsense. */
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(send(fd, "hello", 5, 0), 5);
	/* And the next one is served all the same. */
	assert_int_equal(take_over(bench, &heir), SOCK_TAKEN);
	assert_int_equal(bench->fresh->n_entries, 2);
	assert_false(bench->taken);
	char byte;
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0); /* it was dropped */
	close(fd);
	sock_heir_ready(heir);
	LOOP_UNTIL(bench->loop, bench->taken);
}

static void heir_that_gives_up_leaves_the_files_of_sockets(void **state)
{
	struct bench *bench = *state;
	struct sock_heir *heir = NULL;
	struct sock_wish wish = { .purpose = "admin", .type = SOCK_TYPE_STREAM };
	char path[NET_TEST_PATH];
	struct addr addr;
	struct stat st;
	int fd;

	wish.addr.un.sun_family = AF_UNIX;
	wish.addr.len = sizeof(wish.addr.un);
	snprintf(wish.addr.un.sun_path, sizeof(wish.addr.un.sun_path), "%.100s",
		 test_file(&bench->folder, "admin", path));
	assert_int_equal(sock_get(bench->old, &wish, &fd, &addr), 0);
	assert_int_equal(take_over(bench, &heir), SOCK_TAKEN);
	sock_heir_give_up(heir, bench->fresh);
	sock_registry_free(TAKE(bench->fresh));
	assert_int_equal(loop_turn(bench->loop, 100), 0);
	assert_false(bench->taken);
	assert_int_equal(stat(path, &st), 0);
	sock_heir_give_up(NULL, bench->old);
}

static void next_process_offers_at_the_same_path(void **state)
{
	struct bench *bench = *state;
	struct sock_heir *heir = NULL;
	struct sock_offer *second = NULL;
	struct bench other = { .taken = false };
	struct stat st;

	sockets_fill(bench->old, 1);
	assert_int_equal(take_over(bench, &heir), SOCK_TAKEN);
	assert_int_equal(
		sock_offer_open(bench->fresh, bench->loop, bench->path, on_taken, &other, &second),
		0);
	sock_heir_ready(heir);
	LOOP_UNTIL(bench->loop, bench->taken);
	sock_offer_close(TAKE(bench->offer));
	assert_int_equal(stat(bench->path, &st), 0);
	assert_false(other.taken);
	sock_offer_close(second);
	assert_int_equal(stat(bench->path, &st), -1);
}

/* A false old process: answers the first question with what it is given. */
struct liar {
	int fd;
	const struct buf *answer;
	int passed_fd;
};

static void file_of_somebody_is_left_alone(void **state)
{
	struct bench *bench = *state;
	struct sock_offer *offer;
	char path[NET_TEST_PATH], text[8] = "";

	test_file(&bench->folder, "precious", path);
	CLEANUP(fd_drop) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "mine", 4), 4);
	assert_int_equal(sock_offer_open(bench->fresh, bench->loop, path, on_taken, bench, &offer),
			 -EEXIST);
	assert_int_equal(pread(fd, text, sizeof(text), 0), 4);
	CLEANUP(fd_drop) int again = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(again >= 0); /* a socket could not be opened */
	assert_int_equal(unlink(path), 0);
}

static void *lie(void *arg)
{
	struct liar *liar = arg;
	char question[64];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec piece = { liar->answer->at, liar->answer->len };
	struct msghdr message = { .msg_iov = &piece,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	int fd = accept4(liar->fd, NULL, NULL, SOCK_CLOEXEC);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && recv(fd, question, sizeof(question), 0) > 0) {
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &liar->passed_fd, sizeof(int));
		sendmsg(fd, &message, MSG_NOSIGNAL);
	}
	close(fd);
	return NULL;
}

static int fds_open(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void descriptor_that_is_not_what_it_is_said_to_be_is_refused(void **state)
{
	struct bench *bench = *state;
	struct sock_fact fact = { .purpose = "http", .type = SOCK_TYPE_STREAM };
	struct sock_heir *heir = NULL;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	pthread_t thread;
	struct buf answer;

	sock_offer_close(TAKE(bench->offer));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.100s", bench->path);
	struct liar liar = { .fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
			     .answer = &answer,
			     .passed_fd = 2 };
	assert_int_equal(bind(liar.fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(liar.fd, 1), 0);
	assert_true(addr_parse(SPAN_LIT("127.0.0.1:0"), &fact.asked));
	assert_true(addr_parse(SPAN_LIT("127.0.0.1:4711"), &fact.bound));
	buf_init(&answer, SOCK_MESSAGE_MAX);
	sock_batch_write(&answer, (struct sock_batch){ .n = 1 });
	sock_fact_write(&answer, &fact);
	int n_before = fds_open();
	assert_int_equal(pthread_create(&thread, NULL, lie, &liar), 0);
	assert_int_equal(sock_take_over(bench->fresh, bench->path, &heir), -EPROTO);
	pthread_join(thread, NULL);
	assert_null(heir);
	assert_int_equal(bench->fresh->n_entries, 0);
	assert_int_equal(fds_open(), n_before); /* what came is closed again */
	buf_fini(&answer);
	close(liar.fd);
}

int main(void)
{
#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)
	const struct CMUnitTest tests[] = {
		BENCH_TEST(heir_gets_every_socket_and_its_address),
		BENCH_TEST(connection_that_waits_in_the_queue_is_not_lost),
		BENCH_TEST(nobody_there_is_an_outcome),
		BENCH_TEST(heir_that_dies_leaves_the_old_one_serving),
		BENCH_TEST(heir_that_gives_up_leaves_the_files_of_sockets),
		BENCH_TEST(next_process_offers_at_the_same_path),
		BENCH_TEST(file_of_somebody_is_left_alone),
		BENCH_TEST(descriptor_that_is_not_what_it_is_said_to_be_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
