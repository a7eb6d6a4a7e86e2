/* SPDX-License-Identifier: Apache-2.0
 *
 * log: a line is composed in a fixed buffer on the stack and leaves by one write(2), so that lines
 * of several threads never mix. A field that does not fit is left out and the line says
 * truncated=true. The descriptor of a log file keeps its number for ever: a rotation puts the new
 * file under it with dup3(2), so that a writer needs no lock.
 */
#include <syslog.h>

/* syslog.h and we have both a LOG_INFO and a LOG_DEBUG: its numbers get names that are free. */
enum { SYSLOG_INFO = LOG_INFO, SYSLOG_DEBUG = LOG_DEBUG };
#undef LOG_INFO
#undef LOG_DEBUG

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/net/addr.h"
#include "core/obj.h"

enum {
	LINE_BYTES = 4096, /* at most PIPE_BUF: one write stays in one piece also on a pipe */
	TAIL_BYTES = 24,   /* for truncated=true and the end of the line */
	VALUE_BYTES = 1024,
	MAX_LINES_PER_S = 10,
	FILE_MODE = 0640,
};

struct line {
	char at[LINE_BYTES];
	size_t len;
	size_t body; /* where the event begins: syslog has a time and a level of its own */
	bool json;
	bool full; /* the last addition did not fit */
};

static struct {
	_Atomic int level, format, target;
	_Atomic int fd;
	pthread_mutex_t lock; /* holds file_fd and path */
	int file_fd;          /* the number that log files have; -1 until there was one */
	char *path;
} the_log = {
	.level = LOG_LEVEL_INFO,
	.fd = STDERR_FILENO,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.file_fd = -1,
};

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARN:
		return "warn";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	UNREACHABLE();
}

static int syslog_priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return LOG_ERR;
	case LOG_LEVEL_WARN:
		return LOG_WARNING;
	case LOG_LEVEL_INFO:
		return SYSLOG_INFO;
	case LOG_LEVEL_DEBUG:
		return SYSLOG_DEBUG;
	}
	UNREACHABLE();
}

/* ---- composing ---- */

static void line_add(struct line *line, const char *text, size_t len)
{
	if (line->full || len > LINE_BYTES - TAIL_BYTES - line->len) {
		line->full = true;
		return;
	}
	memcpy(line->at + line->len, text, len);
	line->len += len;
}

static void line_add_str(struct line *line, const char *text)
{
	line_add(line, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static void line_printf(struct line *line, const char *fmt,
							      ...)
{
	char text[64];
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	MUST(len >= 0 && (size_t)len < sizeof(text)); /* numbers and times: they fit */
	line_add(line, text, (size_t)len);
}

/* The length of the well-formed UTF-8 sequence at the front, 0 for anything else; C1 controls,
 * which steer a terminal, count as anything else. */
static size_t utf8_len(struct span s)
{
	uint8_t first = s.at[0];
	size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (len == 0 || len > s.len || first > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s.at[i] & 0xc0) != 0x80)
			return 0;
	}
	bool is_c1 = first == 0xc2 && s.at[1] < 0xa0;
	bool is_overlong = (first == 0xe0 && s.at[1] < 0xa0) || (first == 0xf0 && s.at[1] < 0x90);
	bool is_surrogate = first == 0xed && s.at[1] >= 0xa0;
	bool is_past_end = first == 0xf4 && s.at[1] >= 0x90;
	return is_c1 || is_overlong || is_surrogate || is_past_end ? 0 : len;
}

static void line_add_escape(struct line *line, uint8_t byte)
{
	switch (byte) {
	case '\n':
		line_add_str(line, "\\n");
		return;
	case '\r':
		line_add_str(line, "\\r");
		return;
	case '\t':
		line_add_str(line, "\\t");
		return;
	case '"':
		line_add_str(line, "\\\"");
		return;
	case '\\':
		line_add_str(line, "\\\\");
		return;
	default:
		break;
	}
	if (!line->json)
		line_printf(line, "\\x%02x", byte);
	else if (byte < 0x80)
		line_printf(line, "\\u%04x", byte);
	else /* no character at all: JSON has no way to say it, so its text does */
		line_printf(line, "\\\\x%02x", byte);
}

static bool must_escape(uint8_t byte)
{
	return byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\';
}

static void line_add_quoted(struct line *line, struct span value)
{
	bool is_cut = value.len > VALUE_BYTES;

	value = span_first(value, VALUE_BYTES);
	line_add_str(line, "\"");
	while (value.len) {
		size_t len = utf8_len(value);
		if (len == 0 || must_escape(value.at[0])) {
			line_add_escape(line, value.at[0]);
			len = 1;
		} else {
			line_add(line, (const char *)value.at, len);
		}
		value = span_from(value, len);
	}
	line_add_str(line, is_cut ? "...\"" : "\"");
}

/* In a text line a plain word needs no quotes. */
static bool is_plain(struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t byte = value.at[i];
		if (must_escape(byte) || byte == ' ' || byte == '=' || byte >= 0x80)
			return false;
	}
	return value.len > 0 && value.len <= VALUE_BYTES;
}

static void line_add_text(struct line *line, struct span value)
{
	if (!value.at)
		line_add_str(line, line->json ? "null" : "-");
	else if (!line->json && is_plain(value))
		line_add(line, (const char *)value.at, value.len);
	else
		line_add_quoted(line, value);
}

static void line_add_real(struct line *line, double value)
{
	if (line->json && !isfinite(value))
		line_add_str(line, "null");
	else
		line_printf(line, "%.9g", value);
}

static void line_add_addr(struct line *line, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	line_add_text(line, addr ? span_str(addr_text(addr, text)) : SPAN_NONE);
}

static void line_add_value(struct line *line, const struct log_field *field)
{
	switch (field->type) {
	case LOG_FIELD_END:
		break;
	case LOG_FIELD_STR:
		line_add_text(line, span_str(field->str));
		return;
	case LOG_FIELD_SPAN:
		line_add_text(line, field->span);
		return;
	case LOG_FIELD_INT:
		line_printf(line, "%" PRId64, field->i);
		return;
	case LOG_FIELD_UINT:
		line_printf(line, "%" PRIu64, field->u);
		return;
	case LOG_FIELD_REAL:
		line_add_real(line, field->real);
		return;
	case LOG_FIELD_BOOL:
		line_add_str(line, field->yes ? "true" : "false");
		return;
	case LOG_FIELD_ADDR:
		line_add_addr(line, field->addr);
		return;
	case LOG_FIELD_ERR:
		line_add_text(line, span_str(err_text((int)field->i)));
		return;
	}
	UNREACHABLE();
}

/* A field is in the line whole or not at all. */
static bool line_add_field(struct line *line, const struct log_field *field)
{
	size_t before = line->len;

	line_add_str(line, line->json ? ",\"" : " ");
	line_add_str(line, field->key);
	line_add_str(line, line->json ? "\":" : "=");
	line_add_value(line, field);
	if (!line->full)
		return true;
	line->full = false;
	line->len = before;
	return false;
}

static void line_begin(struct line *line, enum log_level level, const char *event)
{
	struct timespec now;
	struct tm tm;
	char second[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &tm);
	line_add_str(line, line->json ? "{\"ts\":\"" : "");
	line_printf(line, "%s.%03dZ", second, (int)(now.tv_nsec / NS_PER_MS));
	line_add_str(line, line->json ? "\",\"level\":\"" : " ");
	line_add_str(line, level_name(level));
	line_add_str(line, line->json ? "\",\"event\":\"" : " ");
	line->body = line->json ? 0 : line->len;
	line_add_str(line, event);
	line_add_str(line, line->json ? "\"" : "");
}

static void line_end(struct line *line, bool is_truncated)
{
	char tail[TAIL_BYTES];
	int len = snprintf(tail, sizeof(tail), "%s%s\n",
			   !is_truncated ? ""
			   : line->json  ? ",\"truncated\":true"
					 : " truncated=true",
			   line->json ? "}" : "");

	MUST(len > 0 && (size_t)len < sizeof(tail) && line->len + (size_t)len <= LINE_BYTES);
	memcpy(line->at + line->len, tail, (size_t)len);
	line->len += (size_t)len;
}

/* ---- leaving ---- */

static void line_send(const struct line *line, enum log_level level)
{
	if (atomic_load_explicit(&the_log.target, memory_order_relaxed) == LOG_TARGET_SYSLOG) {
		syslog(syslog_priority(level), "%.*s", (int)(line->len - line->body - 1),
		       line->at + line->body);
		return;
	}
	/* What does not go out is lost: there is nobody left to tell. */
	while (write(atomic_load_explicit(&the_log.fd, memory_order_relaxed), line->at, line->len) <
		       0 &&
	       errno == EINTR)
		continue;
}

/* Threads that meet here may let one line more through at the turn of a second. */
static bool site_admits(struct log_site *site, uint32_t *ret_n_suppressed)
{
	int64_t second = mono_read().ns / (NS_PER_MS * MS_PER_S) + 1; /* 0: never used */

	if (atomic_exchange_explicit(&site->second, second, memory_order_relaxed) != second)
		atomic_store_explicit(&site->n, 0, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&site->n, 1, memory_order_relaxed) >= MAX_LINES_PER_S) {
		atomic_fetch_add_explicit(&site->n_suppressed, 1, memory_order_relaxed);
		return false;
	}
	*ret_n_suppressed = atomic_exchange_explicit(&site->n_suppressed, 0, memory_order_relaxed);
	return true;
}

bool log_wants(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

void log_write(struct log_site *site, enum log_level level, const char *event,
	       const struct log_field *fields, size_t n_fields)
{
	uint32_t n_suppressed;

	if (!site_admits(site, &n_suppressed))
		return;
	struct line line;
	line.len = line.body = 0;
	line.full = false;
	line.json = atomic_load_explicit(&the_log.format, memory_order_relaxed) == LOG_FORMAT_JSON;
	line_begin(&line, level, event);
	bool is_truncated = false;
	for (size_t i = 0; i < n_fields && fields[i].type != LOG_FIELD_END; i++)
		is_truncated |= !line_add_field(&line, &fields[i]);
	if (n_suppressed) {
		struct log_field field = kv_uint("suppressed", n_suppressed);
		is_truncated |= !line_add_field(&line, &field);
	}
	line_end(&line, is_truncated);
	line_send(&line, level);
}

/* ---- opening ---- */

static int file_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, FILE_MODE);

	return fd < 0 ? -errno : fd;
}

/* The file gets the number that log files have. fd is moved. */
static int file_install(int fd)
{
	if (the_log.file_fd < 0) {
		the_log.file_fd = fd;
		return 0;
	}
	int r = dup3(fd, the_log.file_fd, O_CLOEXEC) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int log_open_file(const char *path)
{
	CLEANUP(free_drop) char *copy = strdup(path);

	if (!copy)
		return err_new(-ENOMEM);
	int fd = file_open(path);
	if (fd < 0)
		return err_new(fd);
	pthread_mutex_lock(&the_log.lock);
	int r = file_install(fd);
	if (r == 0) {
		free(the_log.path);
		the_log.path = TAKE(copy);
		atomic_store(&the_log.fd, the_log.file_fd);
	}
	pthread_mutex_unlock(&the_log.lock);
	return r < 0 ? err_new(r) : 0;
}

/* From now on no file; its descriptor stays for writers that still hold its number. */
static void log_forget_file(void)
{
	pthread_mutex_lock(&the_log.lock);
	free(the_log.path);
	the_log.path = NULL;
	atomic_store(&the_log.fd, STDERR_FILENO);
	pthread_mutex_unlock(&the_log.lock);
}

int log_open(const struct log_conf *conf)
{
	if (conf->target == LOG_TARGET_FILE) {
		int r = log_open_file(conf->file);
		if (r < 0)
			return err_pass(r);
	} else {
		log_forget_file();
	}
	if (conf->target == LOG_TARGET_SYSLOG)
		openlog(conf->name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
	atomic_store(&the_log.level, (int)conf->level);
	atomic_store(&the_log.format, (int)conf->format);
	atomic_store(&the_log.target, (int)conf->target);
	return 0;
}

void log_reopen(void)
{
	int r = 0;

	pthread_mutex_lock(&the_log.lock);
	if (the_log.path) {
		int fd = file_open(the_log.path);
		r = fd < 0 ? fd : file_install(fd);
	}
	pthread_mutex_unlock(&the_log.lock);
	if (r < 0)
		LOG_ERROR("log.reopen_failed",
			  kv_err(r)); /* into the old file, which is still there */
}

void log_close(void)
{
	if (atomic_load(&the_log.target) == LOG_TARGET_SYSLOG)
		closelog();
	log_forget_file();
	atomic_store(&the_log.level, LOG_LEVEL_INFO);
	atomic_store(&the_log.format, LOG_FORMAT_TEXT);
	atomic_store(&the_log.target, LOG_TARGET_STDERR);
	pthread_mutex_lock(&the_log.lock);
	fd_drop(&the_log.file_fd);
	pthread_mutex_unlock(&the_log.lock);
}
