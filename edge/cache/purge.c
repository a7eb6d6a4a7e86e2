/* SPDX-License-Identifier: Apache-2.0
 *
 * purge: a ring of records, each of which is compared by a hash where it can be.
 */
#include "edge/cache/purge.h"

#include <pthread.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/obj.h"

#define PURGE_LOG_KIND OBJ_KIND('p', 'r', 'g', 'l')

struct record {
	enum purge_kind kind;
	bool soft;
	uint64_t number;
	uint64_t hash; /* of the URL or the tag */
	uint8_t *text; /* owned */
	size_t len;
};

struct purge_log {
	uint32_t kind;
	uint64_t newest; /* atomic */
	pthread_rwlock_t lock;
	size_t n;                          /* ever added: the last stands at (n - 1) % PURGE_KEPT */
	struct record records[PURGE_KEPT]; /* in the order of their numbers, which may have gaps */
};

uint64_t purge_url_hash(struct span url)
{
	return hash_keyed(url);
}

/* The same in each life: a disk remembers it. */
uint32_t purge_tag_hash(struct span tag)
{
	return (uint32_t)hash_fixed(tag, 0);
}

int purge_log_new(struct purge_log **ret_log)
{
	struct purge_log *log = OBJ_NEW(struct purge_log, PURGE_LOG_KIND);

	if (!log)
		return err_new(-ENOMEM);
	pthread_rwlock_init(&log->lock, NULL);
	*ret_log = log;
	return 0;
}

void purge_log_free(struct purge_log *log)
{
	if (!log)
		return;
	for (size_t i = 0; i < PURGE_KEPT; i++)
		free(log->records[i].text);
	pthread_rwlock_destroy(&log->lock);
	OBJ_FREE(log);
}

uint64_t purge_position(const struct purge_log *log)
{
	return __atomic_load_n(&log->newest, __ATOMIC_ACQUIRE);
}

static int record_make(const struct purge *purge, struct record *ret_record)
{
	struct record *record = ret_record;

	*record = (struct record){ .kind = purge->kind, .soft = purge->soft };
	if (purge->text.len > PURGE_MAX_BYTES)
		return err_new(-EMSGSIZE);
	record->text = malloc(purge->text.len + 1);
	if (!record->text)
		return err_new(-ENOMEM);
	record->len = purge->text.len;
	if (purge->text.len)
		memcpy(record->text, purge->text.at, purge->text.len);
	if (purge->kind == PURGE_URL)
		record->hash = purge_url_hash(purge->text);
	else if (purge->kind == PURGE_TAG)
		record->hash = purge_tag_hash(purge->text);
	return 0;
}

/* `number` 0: the next. */
static int record_add(struct purge_log *log, const struct purge *purge, uint64_t number,
		      uint64_t *ret_number)
{
	struct record record;
	int r = record_make(purge, &record);

	MUST(log->kind == PURGE_LOG_KIND);
	if (r < 0)
		return err_pass(r);
	pthread_rwlock_wrlock(&log->lock);
	record.number = number ? number : log->newest + 1;
	MUST(record.number > log->newest);
	struct record *place = &log->records[log->n++ % PURGE_KEPT];
	free(place->text);
	*place = record;
	__atomic_store_n(&log->newest, record.number, __ATOMIC_RELEASE);
	pthread_rwlock_unlock(&log->lock);
	*ret_number = record.number;
	return 0;
}

int purge_add(struct purge_log *log, const struct purge *purge, uint64_t *ret_number)
{
	return err_pass(record_add(log, purge, 0, ret_number));
}

int purge_restore(struct purge_log *log, const struct purge *purge, uint64_t number)
{
	uint64_t given;

	if (number <= log->newest)
		return 0; /* a file that says it twice */
	return err_pass(record_add(log, purge, number, &given));
}

size_t purge_each(const struct purge_log *log,
		  void (*fn)(struct buf *out, const struct purge *purge, uint64_t number),
		  struct buf *out)
{
	size_t n = MIN(log->n, PURGE_KEPT);

	for (size_t i = log->n - n; i < log->n; i++) {
		const struct record *record = &log->records[i % PURGE_KEPT];
		const struct purge purge = { record->kind, record->soft,
					     span_of(record->text, record->len) };
		fn(out, &purge, record->number);
	}
	return n;
}

static bool has_tag(const struct purge_subject *subject, uint64_t hash)
{
	for (size_t i = 0; i < subject->n_tags; i++) {
		if (subject->tags[i] == hash)
			return true;
	}
	return subject->tags_unknown;
}

static bool is_meant(const struct record *record, const struct purge_subject *subject)
{
	switch (record->kind) {
	case PURGE_URL:
		return record->hash == subject->url_hash;
	case PURGE_PREFIX:
		return span_starts(subject->url, span_of(record->text, record->len));
	case PURGE_TAG:
		return has_tag(subject, record->hash);
	case PURGE_ALL:
		return true;
	}
	UNREACHABLE();
}

enum purge_verdict purge_judge(struct purge_log *log, const struct purge_subject *subject,
			       uint64_t after, uint64_t *ret_position)
{
	enum purge_verdict verdict = PURGE_SPARED;

	MUST(log->kind == PURGE_LOG_KIND);
	pthread_rwlock_rdlock(&log->lock);
	*ret_position = log->newest;
	size_t n = MIN(log->n, PURGE_KEPT);
	if (log->n > PURGE_KEPT && after < log->records[log->n % PURGE_KEPT].number - 1)
		verdict = PURGE_SOFT; /* who knows what was said */
	/* The newest first: mostly few are behind `after`. */
	for (size_t i = 0; i < n && verdict != PURGE_HARD; i++) {
		const struct record *record = &log->records[(log->n - 1 - i) % PURGE_KEPT];
		if (record->number <= after)
			break;
		if (is_meant(record, subject))
			verdict = record->soft ? PURGE_SOFT : PURGE_HARD;
	}
	pthread_rwlock_unlock(&log->lock);
	return verdict;
}
