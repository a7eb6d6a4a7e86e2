/* SPDX-License-Identifier: Apache-2.0
 *
 * access_log: chunks go to the writer by mailbox and come back by an atomic flag. The writer runs
 * on a loop of its own; its last mail tells it to stop, so everything before it is written.
 */
#include "edge/report/access_log.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/error.h"
#include "core/log.h"
#include "core/loop_thread.h"
#include "core/obj.h"
#include "edge/report/edge_metrics.h"
#include "edge/report/vars.h"

#define WRITER_KIND OBJ_KIND('a', 'l', 'o', 'w')
#define LOG_KIND    OBJ_KIND('a', 'l', 'o', 'g')
#define CHUNK_KIND  OBJ_KIND('a', 'l', 'o', 'c')

enum {
	CHUNK_BYTES = 64 * 1024,
	LINE_MAX_BYTES = 16 * 1024,
	SCRATCH_MAX_BYTES = 64 * 1024,
	N_CHUNKS = 4,
	FLUSH_MS = 500,
};

enum chunk_state {
	CHUNK_IDLE,      /* the worker's */
	CHUNK_BUSY,      /* with the writer */
	CHUNK_ABANDONED, /* with the writer, and the worker has gone: the writer frees it */
};

struct log_chunk {
	uint32_t kind;
	struct mail mail;
	struct access_log_writer *writer;
	_Atomic int state; /* enum chunk_state */
	size_t len;
	uint32_t n_lost; /* lines that the writer could not write, until the worker has counted them
			  */
	uint8_t bytes[CHUNK_BYTES];
};

/* ---- the writer --------------------------------------------------------------------------------
 */

struct access_log_writer {
	uint32_t kind;
	struct loop_thread thread;
	int fd;     /* owned, but for standard error */
	char *path; /* owned; NULL: standard error */
};

struct writer_mail {
	struct mail mail;
	struct access_log_writer *writer;
	char *path; /* owned; NULL: the same again */
};

static int file_open(const char *path, int *ret_fd)
{
	if (!path) {
		*ret_fd = STDERR_FILENO;
		return 0;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		return err_new(-errno);
	*ret_fd = fd;
	return 0;
}

static void file_close(const struct access_log_writer *writer)
{
	if (writer->fd != STDERR_FILENO)
		close(writer->fd);
}

static uint32_t count_lines(const uint8_t *at, size_t len)
{
	uint32_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += at[i] == '\n';
	return n;
}

/* Returns how many lines were lost. */
static uint32_t write_all(const struct access_log_writer *writer, const uint8_t *at, size_t len)
{
	while (len > 0) {
		ssize_t n = write(writer->fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			LOG_WARN("access_log.write", kv_str("file", writer->path),
				 kv_uint("lost_bytes", len), kv_err(-errno));
			return count_lines(at, len);
		}
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static void on_chunk_mail(struct mail *mail, bool dropped)
{
	struct log_chunk *chunk = CONTAINER_OF(mail, struct log_chunk, mail);

	MUST(chunk->kind == CHUNK_KIND);
	if (!dropped)
		chunk->n_lost = write_all(chunk->writer, chunk->bytes, chunk->len);
	int busy = CHUNK_BUSY;
	chunk->len = 0;
	if (!atomic_compare_exchange_strong(&chunk->state, &busy, CHUNK_IDLE))
		OBJ_FREE(chunk);
}

static void reopen(struct access_log_writer *writer, char *path)
{
	int fd = -1;
	int r = file_open(path ? path : writer->path, &fd);

	if (r < 0) {
		LOG_ERROR("access_log.open", kv_str("file", path ? path : writer->path), kv_err(r));
		free(path);
		return;
	}
	file_close(writer);
	writer->fd = fd;
	if (path) {
		free(writer->path);
		writer->path = path;
	}
}

static void on_writer_mail(struct mail *mail, bool dropped)
{
	struct writer_mail *order = CONTAINER_OF(mail, struct writer_mail, mail);

	if (dropped)
		free(order->path);
	else
		reopen(order->writer, order->path);
	free(order);
}

int access_log_reopen(struct access_log_writer *writer, const char *path)
{
	struct writer_mail *order = calloc(1, sizeof(*order));

	if (!order)
		return err_new(-ENOMEM);
	order->mail.fn = on_writer_mail;
	order->writer = writer;
	if (path) {
		order->path = strdup(path);
		if (!order->path) {
			free(order);
			return err_new(-ENOMEM);
		}
	}
	mailbox_post(&writer->thread.mailbox, &order->mail);
	return 0;
}

static int writer_start(struct access_log_writer *writer, const char *path)
{
	if (path && !(writer->path = strdup(path)))
		return err_new(-ENOMEM);
	int r = file_open(path, &writer->fd);
	if (r == 0)
		r = loop_thread_init(&writer->thread, "access-log", NULL, NULL);
	if (r == 0)
		r = loop_thread_start(&writer->thread);
	return err_pass(r);
}

static void writer_drop(struct access_log_writer *writer)
{
	loop_thread_stop(&writer->thread); /* all that was handed over is written */
	if (writer->fd >= 0)
		file_close(writer);
	loop_thread_fini(&writer->thread);
	free(writer->path);
	OBJ_FREE(writer);
}

int access_log_writer_new(const char *path, struct access_log_writer **ret_writer)
{
	struct access_log_writer *writer = OBJ_NEW(struct access_log_writer, WRITER_KIND);

	if (!writer)
		return err_new(-ENOMEM);
	writer->fd = -1;
	int r = writer_start(writer, path);
	if (r < 0) {
		writer_drop(writer);
		return err_pass(r);
	}
	*ret_writer = writer;
	return 0;
}

void access_log_writer_free(struct access_log_writer *writer)
{
	if (writer)
		writer_drop(writer);
}

/* ---- what a line looks like --------------------------------------------------------------------
 */

static const char text_line[] =
	"$client_address - - [$time_log] \"$method $target $version\" $status $response_body_bytes "
	"\"$header_referer\" \"$header_user_agent\" host=\"$host\" service=$service pool=$pool "
	"origin=$origin tries=$tries ms=$duration_ms first_byte_ms=$first_byte_ms "
	"received=$request_body_bytes reason=$reason\n";

static const char json_line[] =
	"{\"time\":\"$time\",\"client\":\"$client_address\",\"method\":\"$method\",\"scheme\":"
	"\"$scheme\",\"host\":\"$host\",\"target\":\"$target\",\"version\":\"$version\",\"status\":"
	"$status,\"response_body_bytes\":$response_body_bytes,\"request_body_bytes\":"
	"$request_body_bytes,\"duration_ms\":$duration_ms,\"first_byte_ms\":$first_byte_ms,"
	"\"service\":\"$service\",\"pool\":\"$pool\",\"origin\":\"$origin\",\"tries\":$tries,"
	"\"reason\":\"$reason\",\"referer\":\"$header_referer\",\"user_agent\":"
	"\"$header_user_agent\",\"tls\":\"$tls_version\"}\n";

int access_log_format_init(struct access_log_format *format, const char *text,
			   enum facts_escape escape, char *reterr)
{
	const char *line = escape == FACTS_ESCAPE_JSON ? json_line : text_line;
	struct buf buf;

	buf_init(&buf, LINE_MAX_BYTES);
	buf_add_str(&buf, text ? text : line);
	if (text)
		buf_add_byte(&buf, '\n');
	int r = buf.failed ? err_new(-EINVAL) : 0;
	if (r < 0)
		snprintf(reterr, 160, "longer than %d bytes", LINE_MAX_BYTES);
	else
		r = var_compile(edge_vars, buf_span(&buf), &format->template, reterr);
	buf_fini(&buf);
	format->escape = escape;
	return r < 0 ? err_pass(r) : 0;
}

void access_log_format_fini(struct access_log_format *format)
{
	var_free(format->template);
	format->template = NULL;
}

/* ---- a worker's end ----------------------------------------------------------------------------
 */

struct access_log {
	uint32_t kind;
	struct access_log_writer *writer;
	struct loop *loop;
	struct metric_block *metrics;
	struct loop_timer flush;
	struct log_chunk *chunks[N_CHUNKS]; /* owned */
	struct log_chunk *current;          /* one of them, not busy; NULL: all were */
	struct arena scratch;               /* for what a line's variables make */
	struct buf line;
};

static void hand_over(struct access_log *log)
{
	struct log_chunk *chunk = log->current;

	loop_timer_stop(&log->flush);
	log->current = NULL;
	if (!chunk || chunk->len == 0)
		return;
	atomic_store(&chunk->state, CHUNK_BUSY);
	mailbox_post(&log->writer->thread.mailbox, &chunk->mail);
}

static void on_flush(void *arg)
{
	hand_over(OBJ_CAST(struct access_log, arg, LOG_KIND));
}

static struct log_chunk *chunk_free(struct access_log *log)
{
	for (size_t i = 0; i < N_CHUNKS; i++) {
		struct log_chunk *chunk = log->chunks[i];
		if (atomic_load(&chunk->state) != CHUNK_IDLE)
			continue;
		metric_add(log->metrics, EDGE_METRIC_LOG_LINES_DROPPED, chunk->n_lost);
		chunk->n_lost = 0;
		return chunk;
	}
	return NULL;
}

/* Room for a line in the current chunk, or in a new one. NULL: the disk is too slow. */
static struct log_chunk *chunk_with_room(struct access_log *log, size_t len)
{
	if (log->current && CHUNK_BYTES - log->current->len < len)
		hand_over(log);
	if (!log->current)
		log->current = chunk_free(log);
	if (log->current && log->current->len == 0)
		loop_timer_set(&log->flush, mono_add_ms(loop_now(log->loop), FLUSH_MS));
	return log->current;
}

void access_log_add(struct access_log *log, const struct access_log_format *format,
		    struct facts *facts)
{
	MUST(log->kind == LOG_KIND);
	facts->escape = format->escape;
	buf_empty(&log->line);
	arena_empty(&log->scratch);
	var_expand_into(format->template, facts, &log->scratch, &log->line);
	struct span line = buf_span(&log->line);
	struct log_chunk *chunk = log->line.failed ? NULL : chunk_with_room(log, line.len);
	if (!chunk) {
		metric_add(log->metrics, EDGE_METRIC_LOG_LINES_DROPPED, 1);
		return;
	}
	memcpy(chunk->bytes + chunk->len, line.at, line.len);
	chunk->len += line.len;
	metric_add(log->metrics, EDGE_METRIC_LOG_LINES, 1);
}

static int chunks_new(struct access_log *log)
{
	for (size_t i = 0; i < N_CHUNKS; i++) {
		struct log_chunk *chunk = OBJ_NEW(struct log_chunk, CHUNK_KIND);
		if (!chunk)
			return err_new(-ENOMEM);
		chunk->mail.fn = on_chunk_mail;
		chunk->writer = log->writer;
		log->chunks[i] = chunk;
	}
	return 0;
}

int access_log_new(struct access_log_writer *writer, struct loop *loop,
		   struct metric_block *metrics, struct access_log **ret_log)
{
	struct access_log *log = OBJ_NEW(struct access_log, LOG_KIND);

	if (!log)
		return err_new(-ENOMEM);
	log->writer = writer;
	log->loop = loop;
	log->metrics = metrics;
	loop_timer_init(&log->flush, loop, on_flush, log);
	arena_init(&log->scratch, SCRATCH_MAX_BYTES);
	buf_init(&log->line, LINE_MAX_BYTES);
	int r = chunks_new(log);
	if (r < 0) {
		access_log_free(log);
		return err_pass(r);
	}
	*ret_log = log;
	return 0;
}

void access_log_free(struct access_log *log)
{
	if (!log)
		return;
	hand_over(log);
	for (size_t i = 0; i < N_CHUNKS && log->chunks[i]; i++) {
		if (atomic_exchange(&log->chunks[i]->state, CHUNK_ABANDONED) == CHUNK_IDLE)
			OBJ_FREE(log->chunks[i]);
	}
	arena_fini(&log->scratch);
	buf_fini(&log->line);
	OBJ_FREE(log);
}
