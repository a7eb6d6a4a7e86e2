/* SPDX-License-Identifier: Apache-2.0
 *
 * store_disk: what a store writes to its disk: objects when they land, and what responses of a URL
 * vary by, without which nobody would find their variants after a restart. All of it is handed to
 * the disk's own threads; what they have no room for is not written, and nothing waits.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"
#include "edge/cache/record.h"
#include "edge/cache/store_priv.h"

enum {
	PATH_BYTES = 4096,
	REWRITE_MAX_BYTES = 256 * 1024, /* a larger body is not written again for a new head */
};

/* ---- opening -----------------------------------------------------------------------------------
 */

static int purges_open(const struct cache_disk_conf *conf, int64_t now_s,
		       struct purge_file **ret_file, struct purge_log **ret_log)
{
	char path[PATH_BYTES];
	int len = snprintf(path, sizeof(path), "%s/purges", conf->path);

	if (len < 0 || (size_t)len >= sizeof(path))
		return err_new(-ENAMETOOLONG);
	if (mkdir(conf->path, 0700) < 0 && errno != EEXIST)
		return err_new(-errno);
	return err_pass(purge_file_open(path, now_s, ret_file, ret_log));
}

static int open_both(struct cache *cache, const struct cache_disk_conf *conf, int64_t now_s)
{
	const struct disk_conf disk = {
		.path = conf->path,
		.name = cache->name,
		.max_bytes = conf->size_bytes,
		.n_readers = conf->readers,
	};
	struct purge_file *file = NULL;
	struct purge_log *log = NULL;

	int r = purges_open(conf, now_s, &file, &log);
	if (r < 0)
		return err_pass(r);
	r = disk_open(&disk, &cache->disk);
	if (r < 0) {
		purge_file_close(file);
		purge_log_free(log);
		return err_pass(r);
	}
	purge_log_free(cache->purges);
	cache->purges = log;
	cache->purge_file = file;
	return 0;
}

void cache_open_disk(struct cache *cache, const struct cache_conf *conf, int64_t now_s)
{
	if (cache->opened || !conf->disk.set) {
		cache->opened = true;
		return;
	}
	cache->opened = true;
	int r = open_both(cache, &conf->disk, now_s);
	if (r < 0) /* without the log of purges nobody knows what of it may serve */
		LOG_ERROR("cache.disk", kv_str("store", cache->name),
			  kv_str("path", conf->disk.path), kv_err(r),
			  kv_str("then", "nothing is kept on disk"));
}

void cache_disk_close(struct cache *cache)
{
	disk_close(TAKE(cache->disk));
	purge_file_close(TAKE(cache->purge_file));
}

/* ---- writing -----------------------------------------------------------------------------------
 */

struct put {
	struct cache_object *object; /* a reference; NULL: a mark */
	struct buf head;
	struct span spans[];
};

static void put_free(struct put *put)
{
	cache_object_unref(put->object);
	buf_fini(&put->head);
	free(put);
}

static void on_put_done(void *arg, enum disk_put_result result)
{
	(void)result; /* the disk counts them */
	put_free(arg);
}

static size_t n_spans(const struct cache_object *body)
{
	size_t n = 1;

	for (const struct cache_segment *at = body->first; at; at = at->next)
		n++;
	return n;
}

static size_t spans_fill(const struct cache_object *body, struct span *spans)
{
	uint64_t left = body->length;
	size_t n = 0;

	if (!body->first) {
		spans[0] = span_of(body->bytes, left);
		return left > 0;
	}
	for (const struct cache_segment *at = body->first; at && left; at = at->next) {
		spans[n] = span_of(at->bytes, MIN(left, at->size));
		left -= spans[n++].len;
	}
	return n;
}

void cache_disk_put(struct cache *cache, struct cache_object *object)
{
	const struct cache_object *body = object->body_of ? object->body_of : object;
	struct put *put;

	if (!cache->disk || (object->body_of && object->length > REWRITE_MAX_BYTES))
		return;
	put = calloc(1, sizeof(*put) + n_spans(body) * sizeof(struct span));
	if (!put)
		return;
	put->object = cache_object_ref(object);
	buf_init(&put->head, DISK_HEAD_BYTES_MAX);
	cache_record_write(object, &put->head);
	if (put->head.failed) {
		put_free(put);
		return;
	}
	const struct disk_record record = {
		.id = cache_record_id(cache_item_key(&object->item)),
		.stamp = __atomic_load_n(&object->checked, __ATOMIC_RELAXED),
		.head = buf_span(&put->head),
		.body = put->spans,
		.n_body = spans_fill(body, put->spans),
		.done = on_put_done,
		.arg = put,
	};
	disk_put(cache->disk, &record);
}

void cache_disk_put_vary(struct cache *cache, const struct cache_mark *mark)
{
	struct span key = cache_item_key(&mark->item);
	struct put *put;

	if (!cache->disk || !mark->vary_len)
		return;
	put = calloc(1, sizeof(*put));
	if (!put)
		return;
	buf_init(&put->head, DISK_HEAD_BYTES_MAX);
	cache_record_write_vary(key, span_of(mark->data + key.len, mark->vary_len), &put->head);
	if (put->head.failed) {
		put_free(put);
		return;
	}
	const struct disk_record record = {
		.id = cache_record_id(key),
		.stamp = purge_position(cache->purges),
		.head = buf_span(&put->head),
		.done = on_put_done,
		.arg = put,
	};
	disk_put(cache->disk, &record);
}

void cache_disk_drop(struct cache *cache, struct span key)
{
	const struct disk_id id = cache_record_id(key);

	/* What cannot be dropped for good is older than the purge that follows. */
	if (cache->disk && disk_drop(cache->disk, &id, NULL, NULL) < 0)
		LOG_WARN("cache.disk-drop", kv_str("store", cache->name));
}
