/* SPDX-License-Identifier: Apache-2.0
 *
 * kill -9 while a disk store is written, fifty times; after each one everything that is found is
 * read and compared. The writer notes what was confirmed to it in memory that outlives it. Neither
 * threads nor stores are made in this process: each life is a child.
 */
#include "tests/unit/edge/cache/disk_stage.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum {
	N_KILLS = 50,
	N_KEYS = 64,
	KILL_WITHIN_US = 40000,
	HEAD_BYTES = 24,
	BODY_BYTES_MAX = 200000,
};

/* By the writer; each only ever rises. */
struct key {
	_Atomic uint64_t begun;   /* the last version that was put */
	_Atomic uint64_t stored;  /* the last that was said to be written */
	_Atomic uint64_t dropped; /* the last that was confirmed to be dropped */
	_Atomic uint64_t doomed;  /* the last that was asked to be dropped */
};
struct notes {
	struct key keys[N_KEYS];
	_Atomic uint64_t floor; /* confirmed */
	_Atomic uint64_t floor_asked, newest_stored;
	_Atomic uint64_t next_version;
	_Atomic uint64_t n_lives, n_found, n_puts, n_newest;
};

static void raise_to(_Atomic uint64_t *value, uint64_t to)
{
	uint64_t old = atomic_load(value);

	while (old < to && !atomic_compare_exchange_weak(value, &old, to))
		;
}

static size_t body_bytes_of(uint64_t version)
{
	return (size_t)(version * UINT64_C(0x9e3779b97f4a7c15) >> 40) % BODY_BYTES_MAX;
}

/* The head is version, key and length; all else follows from them. */
static void content(uint8_t *to, uint64_t n, uint64_t version)
{
	const uint64_t head[] = { version, n, body_bytes_of(version) };

	memcpy(to, head, HEAD_BYTES);
	stage_fill(to + HEAD_BYTES, body_bytes_of(version), n, version);
}

struct letter {
	struct notes *notes;
	uint64_t n, version;
	struct span body;
	uint8_t bytes[];
};

static void on_put(void *arg, enum disk_put_result result)
{
	struct letter *letter = arg;

	if (result == DISK_PUT_STORED) {
		raise_to(&letter->notes->keys[letter->n].stored, letter->version);
		raise_to(&letter->notes->newest_stored, letter->version);
		atomic_fetch_add(&letter->notes->n_puts, 1);
	}
	free(letter);
}

static void put(struct disk *disk, struct notes *notes, uint64_t n)
{
	uint64_t version = atomic_fetch_add(&notes->next_version, 1);
	struct letter *letter = malloc(sizeof(*letter) + HEAD_BYTES + BODY_BYTES_MAX);

	MUST(letter);
	*letter = (struct letter){ .notes = notes, .n = n, .version = version };
	content(letter->bytes, n, version);
	letter->body = span_of(letter->bytes + HEAD_BYTES, body_bytes_of(version));
	const struct disk_record record = { .id = stage_id(n),
					    .stamp = version,
					    .head = span_of(letter->bytes, HEAD_BYTES),
					    .body = &letter->body,
					    .n_body = 1,
					    .done = on_put,
					    .arg = letter };
	atomic_store(&notes->keys[n].begun, version);
	disk_put(disk, &record);
}

struct drop {
	struct notes *notes;
	uint64_t n, version;
};

static void on_drop(void *arg, int r)
{
	struct drop *drop = arg;

	if (r == 0 && drop->n < N_KEYS)
		raise_to(&drop->notes->keys[drop->n].dropped, drop->version);
	else if (r == 0)
		raise_to(&drop->notes->floor, drop->version);
	free(drop);
}

static void drop(struct disk *disk, struct notes *notes, uint64_t n)
{
	struct drop *drop = malloc(sizeof(*drop));
	struct disk_id id = stage_id(n);

	MUST(drop);
	*drop = (struct drop){ .notes = notes, .n = n };
	if (n < N_KEYS) {
		drop->version = atomic_load(&notes->keys[n].begun);
		atomic_store(&notes->keys[n].doomed, drop->version);
		MUST(disk_drop(disk, &id, on_drop, drop) == 0);
	} else {
		uint64_t next = atomic_load(&notes->next_version);
		drop->version = next > 200 ? next - 200 : 0;
		raise_to(&notes->floor_asked, drop->version);
		MUST(disk_drop_older(disk, drop->version, on_drop, drop) == 0);
	}
}

/* Until it is killed. It says when it has begun, and waits a little when much is queued. */
static _Noreturn void write_until_killed(struct stage *stage, struct notes *notes, uint64_t seed)
{
	struct disk_status status;
	struct rng rng;

	rng_seed(&rng, seed);
	stage_open(stage);
	MUST(stage_wait_state(stage->disk, DISK_ON));
	atomic_fetch_add(&notes->n_lives, 1);
	for (;;) {
		uint64_t dice = rng_below(&rng, 100);
		if (dice < 10)
			drop(stage->disk, notes, rng_below(&rng, N_KEYS));
		else if (dice < 11)
			drop(stage->disk, notes, N_KEYS);
		else
			put(stage->disk, notes, rng_below(&rng, N_KEYS));
		disk_status(stage->disk, &status);
		if (status.queued_bytes > 2 * 1024 * 1024)
			stage_pause();
	}
}

static void check_key(struct stage *stage, struct notes *notes, uint64_t n)
{
	static uint8_t expected[HEAD_BYTES + BODY_BYTES_MAX];
	struct key *key = &notes->keys[n];
	struct stage_read r;
	uint64_t version;

	/* The newest segment is never the one to go. */
	bool is_newest = atomic_load(&key->stored) >= atomic_load(&notes->floor_asked) &&
			 atomic_load(&key->stored) == atomic_load(&notes->newest_stored) &&
			 atomic_load(&key->stored) > atomic_load(&key->doomed);
	if (!stage_finds(stage->disk, n)) {
		MUST(!is_newest);
		return;
	}
	atomic_fetch_add(&notes->n_newest, is_newest);
	MUST(stage_get(stage, n, &r) == DISK_READ_OK);
	MUST(r.head_bytes == HEAD_BYTES);
	memcpy(&version, r.bytes, sizeof(version));
	MUST(version <= atomic_load(&key->begun) && version > atomic_load(&key->dropped));
	MUST(version >= atomic_load(&key->stored) && version >= atomic_load(&notes->floor));
	MUST(r.body_bytes == body_bytes_of(version));
	content(expected, n, version);
	MUST(memcmp(r.bytes, expected, HEAD_BYTES + r.body_bytes) == 0);
	free(r.bytes);
	atomic_fetch_add(&notes->n_found, 1);
}

/* A clean end or none, by turns. */
static _Noreturn void check_all(struct stage *stage, struct notes *notes, bool ends_well)
{
	MUST(loop_new("check", &stage->loop) == 0);
	MUST(mailbox_open(&stage->mailbox, stage->loop) == 0);
	stage_open(stage);
	MUST(stage_drop_older(stage->disk, 0) == 0);
	for (uint64_t n = 0; n < N_KEYS; n++)
		check_key(stage, notes, n);
	if (ends_well)
		disk_close(stage->disk);
	_exit(0);
}

static void wait_for_life(const struct notes *notes, uint64_t n_lives)
{
	mono_t until = mono_add_ms(mono_read(), STAGE_WAIT_MS);

	while (atomic_load(&notes->n_lives) < n_lives && mono_before(mono_read(), until))
		stage_pause();
	assert_int_equal(atomic_load(&notes->n_lives), n_lives);
}

static void live_and_die(struct stage *stage, struct notes *notes, struct rng *rng, uint64_t i)
{
	const struct timespec life = { .tv_nsec = (long)rng_below(rng, KILL_WITHIN_US) * 1000 };
	int status;

	pid_t pid = fork();
	if (pid == 0)
		write_until_killed(stage, notes, i);
	assert_true(pid > 0);
	wait_for_life(notes, i + 1);
	nanosleep(&life, NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	pid = fork();
	if (pid == 0)
		check_all(stage, notes, i % 2);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void nothing_wrong_is_found_after_kill_9(void **state)
{
	struct stage stage = { .path = "/tmp/meridian-disk-XXXXXX" };
	struct rng rng;

	(void)state;
	struct notes *notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(notes != MAP_FAILED);
	atomic_store(&notes->next_version, 1);
	assert_non_null(mkdtemp(stage.path));
	stage.conf = (struct disk_conf){ .path = stage.path,
					 .name = "test",
					 .max_bytes = 32 * STAGE_SEGMENT,
					 .segment_bytes = 2 * STAGE_SEGMENT,
					 .n_readers = 1,
					 .retry_ms = 10 };
	rng_seed_os(&rng);
	for (uint64_t i = 0; i < N_KILLS; i++)
		live_and_die(&stage, notes, &rng, i);
	print_message("%llu puts, %llu records verified, the newest %llu times\n",
		      (unsigned long long)atomic_load(&notes->n_puts),
		      (unsigned long long)atomic_load(&notes->n_found),
		      (unsigned long long)atomic_load(&notes->n_newest));
	assert_true(atomic_load(&notes->n_found) > N_KILLS);
	stage_remove_folder(stage.path);
	munmap(notes, sizeof(*notes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_wrong_is_found_after_kill_9),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
