/* SPDX-License-Identifier: Apache-2.0
 *
 * log: one line an event, `ts level event key=value…` or JSON, to stderr, a file or syslog.
 *
 *     LOG_WARN("origin.down", kv_str("pool", pool->name), kv_addr("origin", &o->addr));
 *
 * The event name is fixed and searchable; no prose in it. Values are typed, so foreign bytes are
 * escaped and a JSON line is right by construction. error: a person must act. warn: we coped, but
 * look. info: the life of the process. debug: for finding out. Each call site is limited to ten
 * lines a second; what was left out is said by the next as suppressed=N. Secrets, keys, cookies
 * and bodies are never logged. Any thread.
 */
#pragma once

#include "core/span.h"

struct addr; /* core/net/addr.h */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_FILE, LOG_TARGET_SYSLOG };

struct log_conf {
	enum log_level level;
	enum log_format format;
	enum log_target target;
	const char *file; /* LOG_TARGET_FILE; borrowed for the call */
	const char *name; /* of the program, for syslog; borrowed for ever */
};

enum log_field_type {
	LOG_FIELD_END,
	LOG_FIELD_STR,
	LOG_FIELD_SPAN,
	LOG_FIELD_INT,
	LOG_FIELD_UINT,
	LOG_FIELD_REAL,
	LOG_FIELD_BOOL,
	LOG_FIELD_ADDR,
	LOG_FIELD_ERR,
};

struct log_field {
	const char *key;
	enum log_field_type type;
	union {
		const char *str;
		struct span span;
		int64_t i;
		uint64_t u;
		double real;
		bool yes;
		const struct addr *addr;
	};
};

static inline struct log_field kv_str(const char *key, const char *value)
{
	return (struct log_field){ .key = key, .type = LOG_FIELD_STR, .str = value };
}
static inline struct log_field kv_span(const char *key, struct span value)
{
	return (struct log_field){ .key = key, .type = LOG_FIELD_SPAN, .span = value };
}
static inline struct log_field kv_int(const char *key, int64_t value)
{
	return (struct log_field){ .key = key, .type = LOG_FIELD_INT, .i = value };
}
static inline struct log_field kv_uint(const char *key, uint64_t value)
{
	return (struct log_field){ .key = key, .type = LOG_FIELD_UINT, .u = value };
}
static inline struct log_field kv_real(const char *key, double value)
{
	return (struct log_field){ .key = key, .type = LOG_FIELD_REAL, .real = value };
}
static inline struct log_field kv_bool(const char *key, bool value)
{
	return (struct log_field){ .key = key, .type = LOG_FIELD_BOOL, .yes = value };
}
static inline struct log_field kv_addr(const char *key, const struct addr *value)
{
	return (struct log_field){ .key = key, .type = LOG_FIELD_ADDR, .addr = value };
}
/* -errno as its text. */
static inline struct log_field kv_err(int r)
{
	return (struct log_field){ .key = "error", .type = LOG_FIELD_ERR, .i = r };
}

/* What a call site remembers for its limit; zeroed at first. */
struct log_site {
	_Atomic int64_t second;
	_Atomic uint32_t n;
	_Atomic uint32_t n_suppressed;
};

/* Before it is called, lines go to stderr as text at level info. Main thread. Errors: -errno of the
 * file; the log stays as it was. */
int log_open(const struct log_conf *conf);
void log_reopen(void); /* after a rotation; any thread but a signal handler */
void log_close(void);
bool log_wants(enum log_level level);
void log_write(struct log_site *site, enum log_level level, const char *event,
	       const struct log_field *fields, size_t n_fields);

#define LOG_AT(level, event, ...)                                                                  \
	do {                                                                                       \
		if (log_wants(level)) {                                                            \
			static struct log_site log_site_;                                          \
			const struct log_field log_fields_[] = { __VA_ARGS__ };                    \
			log_write(&log_site_, level, event, log_fields_,                           \
				  sizeof(log_fields_) / sizeof(struct log_field));                 \
		}                                                                                  \
	} while (0)
#define LOG_ERROR(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define LOG_WARN(event, ...)  LOG_AT(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define LOG_INFO(event, ...)  LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define LOG_DEBUG(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
