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
	uint64_t hash; /* of the URL or the tag */
	uint8_t *text; /* owned; of a prefix */
	size_t len;
};

struct purge_log {
	uint32_t kind;
	uint64_t newest; /* atomic */
	pthread_rwlock_t lock;
	struct record records[PURGE_KEPT]; /* number n stands at n % PURGE_KEPT */
};

uint64_t purge_url_hash(struct span url)
{
	return hash_keyed(url);
}

uint32_t purge_tag_hash(struct span tag)
{
	return (uint32_t)hash_keyed(tag);
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
	switch (purge->kind) {
	case PURGE_URL:
		record->hash = purge_url_hash(purge->text);
		return 0;
	case PURGE_TAG:
		record->hash = purge_tag_hash(purge->text);
		return 0;
	case PURGE_PREFIX:
		record->text = malloc(purge->text.len + 1);
		if (!record->text)
			return err_new(-ENOMEM);
		memcpy(record->text, purge->text.at, purge->text.len);
		record->len = purge->text.len;
		return 0;
	case PURGE_ALL:
		return 0;
	}
	UNREACHABLE();
}

int purge_add(struct purge_log *log, const struct purge *purge, uint64_t *ret_number)
{
	struct record record;
	int r = record_make(purge, &record);

	MUST(log->kind == PURGE_LOG_KIND);
	if (r < 0)
		return err_pass(r);
	pthread_rwlock_wrlock(&log->lock);
	uint64_t number = log->newest + 1;
	struct record *place = &log->records[number % PURGE_KEPT];
	free(place->text);
	*place = record;
	__atomic_store_n(&log->newest, number, __ATOMIC_RELEASE);
	pthread_rwlock_unlock(&log->lock);
	*ret_number = number;
	return 0;
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
	if (log->newest > PURGE_KEPT && after < log->newest - PURGE_KEPT)
		verdict = PURGE_SOFT; /* who knows what was said */
	for (uint64_t n = MAX(after, log->newest - MIN(log->newest, PURGE_KEPT));
	     n < log->newest && verdict != PURGE_HARD; n++) {
		const struct record *record = &log->records[(n + 1) % PURGE_KEPT];
		if (is_meant(record, subject))
			verdict = record->soft ? PURGE_SOFT : PURGE_HARD;
	}
	pthread_rwlock_unlock(&log->lock);
	return verdict;
}
