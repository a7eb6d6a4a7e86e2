/* SPDX-License-Identifier: Apache-2.0
 *
 * purge: what was purged, numbered. Nobody looks for the objects that a purge means: each carries
 * the number up to which it was looked at, and whoever is about to use one looks at what came
 * since. So a purge holds from the moment that it has its number, for what is stored, for what is
 * on its way, and for what a disk brings back, and costs a comparison when nothing was purged.
 *
 * The log keeps the last PURGE_KEPT. Whoever is older than these is taken for stale: its origin is
 * asked. Any thread.
 */
#pragma once

#include "core/buf.h"

enum { PURGE_KEPT = 4096, PURGE_MAX_BYTES = 4096 };

enum purge_kind {
	PURGE_URL,    /* one URL, all its variants */
	PURGE_PREFIX, /* all that begin so */
	PURGE_TAG,    /* all with this surrogate key */
	PURGE_ALL,
};
enum purge_verdict {
	PURGE_SPARED,
	PURGE_SOFT, /* it is stale from now on */
	PURGE_HARD, /* it is gone */
};

struct purge {
	enum purge_kind kind;
	bool soft;
	struct span text; /* of a URL or prefix as keys have it; of a tag its name */
};

/* Who is looked at. */
struct purge_subject {
	struct span url;
	uint64_t url_hash;
	const uint32_t *tags; /* purge_tag_hash() of each; NULL with n_tags: nobody knows yet */
	size_t n_tags;
	bool tags_unknown; /* then any tag may be one of its own */
};

struct purge_log;

int purge_log_new(struct purge_log **ret_log);
void purge_log_free(struct purge_log *log); /* NULL is fine */
/* The number of the newest; 0: none yet. */
uint64_t purge_position(const struct purge_log *log);
/* From now on it holds. Its number. Errors: -ENOMEM, -EMSGSIZE. */
int purge_add(struct purge_log *log, const struct purge *purge, uint64_t *ret_number);
/* The same with a number that it had in another life, above all that the log has. */
int purge_restore(struct purge_log *log, const struct purge *purge, uint64_t number);
/* Calls fn for all that the log keeps, in order. How many. Not while others add. */
size_t purge_each(const struct purge_log *log,
		  void (*fn)(struct buf *out, const struct purge *purge, uint64_t number),
		  struct buf *out);
/* Does one of those behind `after` mean it? *ret_position: up to which was looked. */
enum purge_verdict purge_judge(struct purge_log *log, const struct purge_subject *subject,
			       uint64_t after, uint64_t *ret_position);

uint64_t purge_url_hash(struct span url);
uint32_t purge_tag_hash(struct span tag);
