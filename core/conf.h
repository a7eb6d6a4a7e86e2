/* SPDX-License-Identifier: Apache-2.0
 *
 * conf: the one configuration reader. libyaml parses a file into a tree that knows where each node
 * stands; tables that stand beside our structs bind the tree to them. Reading goes on after an
 * error to find the rest; each error has file:line:column and says what was found, what was
 * expected and, for a misspelt key, the nearest one. A bound value keeps its place, so that later
 * checks (a route names a pool that is not there) point at the line too. The reference page of all
 * keys is printed from the same tables.
 *
 * Main or control thread. Everything bound lives in the document's memory until conf_free().
 */
#pragma once

#include <limits.h>

#include "core/buf.h"
#include "core/net/addr.h"

struct conf; /* one document, its bound structs, the places of their values, and its errors */

enum conf_type {
	CONF_TYPE_END,
	CONF_TYPE_STRING,   /* const char * */
	CONF_TYPE_PATH,     /* const char *: relative to the file's folder, made absolute */
	CONF_TYPE_BOOL,     /* bool */
	CONF_TYPE_COUNT,    /* uint32_t */
	CONF_TYPE_REAL,     /* double */
	CONF_TYPE_DURATION, /* int64_t in ms: 250ms, 30s, 5m, 2h, 1d */
	CONF_TYPE_SIZE,     /* uint64_t in bytes: 512, 16KiB, 512MiB, 4GiB */
	CONF_TYPE_RATE,     /* double a second: 100/s, 30/m */
	CONF_TYPE_ADDRESS,  /* struct addr with a port: 127.0.0.1:80, [::1]:443, unix:/run/x */
	CONF_TYPE_IP,       /* struct addr without a port */
	CONF_TYPE_PREFIX,   /* struct prefix */
	CONF_TYPE_ENDPOINT, /* const char *: host:port or address:port, checked, not resolved */
	CONF_TYPE_CHOICE,   /* int: an enum's value, by its word */
	CONF_TYPE_SECTION,  /* a struct in place */
	CONF_TYPE_LIST,     /* an array of structs or scalars, and its length */
	CONF_TYPE_MAP, /* keys of the user's choosing: an array of structs with the key in it */
};

struct conf_choice {
	const char *word;
	int value;
};

struct conf_section;

struct conf_key {
	const char *name;
	enum conf_type type;
	size_t offset; /* of the value in the struct; for LIST and MAP of the pointer */
	bool required;
	bool has_range;                     /* min and max hold */
	double min, max;                    /* COUNT, REAL, DURATION (ms), SIZE (bytes), RATE */
	const char *initial;                /* default, as a user would write it; NULL: zero */
	const struct conf_choice *choices;  /* CHOICE; ends with .word NULL */
	const struct conf_section *section; /* SECTION, LIST and MAP of structs */
	enum conf_type item; /* LIST of scalars: their type; with a section: CONF_TYPE_SECTION */
	size_t n_offset;     /* LIST, MAP: of the size_t count */
	size_t set_offset;   /* of a bool that is set when the key was given; 0: none */
	uint32_t max_items;  /* LIST, MAP; 0: 65536 */
	const char *help;
};

struct conf_section {
	const char *name; /* for the reference page: "pools[]" */
	size_t struct_size;
	const struct conf_key *keys; /* ends with CONF_TYPE_END */
	size_t key_offset; /* in the struct of a MAP's items: of the const char * that gets the key
			    */
	const char *help;
};

/* clang-format off */
#define CONF_AT(type_, field_) .offset = offsetof(type_, field_)
#define CONF_STRING(type_, field_, required_, initial_, help_) \
	{ .name = #field_, .type = CONF_TYPE_STRING, CONF_AT(type_, field_), .required = (required_), .initial = (initial_), .help = (help_) }
#define CONF_PATH(type_, field_, required_, initial_, help_) \
	{ .name = #field_, .type = CONF_TYPE_PATH, CONF_AT(type_, field_), .required = (required_), .initial = (initial_), .help = (help_) }
#define CONF_BOOL(type_, field_, initial_, help_) \
	{ .name = #field_, .type = CONF_TYPE_BOOL, CONF_AT(type_, field_), .initial = (initial_), .help = (help_) }
#define CONF_COUNT(type_, field_, min_, max_, initial_, help_) \
	{ .name = #field_, .type = CONF_TYPE_COUNT, CONF_AT(type_, field_), .has_range = true, .min = (min_), .max = (max_), .initial = (initial_), .help = (help_) }
#define CONF_REAL(type_, field_, required_, min_, max_, initial_, help_) \
	{ .name = #field_, .type = CONF_TYPE_REAL, CONF_AT(type_, field_), .required = (required_), .has_range = true, .min = (min_), .max = (max_), .initial = (initial_), .help = (help_) }
/* name_ is the key in the file (`interval`), field_ carries its unit (`interval_ms`). */
#define CONF_DURATION(type_, name_, field_, min_ms_, max_ms_, initial_, help_) \
	{ .name = name_, .type = CONF_TYPE_DURATION, CONF_AT(type_, field_), .has_range = true, .min = (min_ms_), .max = (max_ms_), .initial = (initial_), .help = (help_) }
#define CONF_SIZE(type_, name_, field_, min_, max_, initial_, help_) \
	{ .name = name_, .type = CONF_TYPE_SIZE, CONF_AT(type_, field_), .has_range = true, .min = (min_), .max = (max_), .initial = (initial_), .help = (help_) }
#define CONF_SCALAR(type_, kind_, field_, required_, help_) /* ADDRESS, IP, PREFIX, ENDPOINT, RATE */ \
	{ .name = #field_, .type = (kind_), CONF_AT(type_, field_), .required = (required_), .help = (help_) }
#define CONF_CHOICE(type_, field_, choices_, initial_, help_) \
	{ .name = #field_, .type = CONF_TYPE_CHOICE, CONF_AT(type_, field_), .choices = (choices_), .initial = (initial_), .help = (help_) }
#define CONF_SECTION(type_, field_, section_, required_, help_) \
	{ .name = #field_, .type = CONF_TYPE_SECTION, CONF_AT(type_, field_), .section = (section_), .required = (required_), .help = (help_) }
/* The section's struct has `bool set`: was it there at all? */
#define CONF_SECTION_OPTIONAL(type_, field_, section_, help_) \
	{ .name = #field_, .type = CONF_TYPE_SECTION, CONF_AT(type_, field_), .section = (section_), .set_offset = offsetof(type_, field_.set), .help = (help_) }
#define CONF_LIST(type_, field_, count_, section_, required_, help_) \
	{ .name = #field_, .type = CONF_TYPE_LIST, CONF_AT(type_, field_), .n_offset = offsetof(type_, count_), .item = CONF_TYPE_SECTION, .section = (section_), .required = (required_), .help = (help_) }
#define CONF_LIST_OF(type_, field_, count_, item_, required_, help_) \
	{ .name = #field_, .type = CONF_TYPE_LIST, CONF_AT(type_, field_), .n_offset = offsetof(type_, count_), .item = (item_), .required = (required_), .help = (help_) }
/* {name: …}: section_'s struct takes the key; its single key named "" takes the value, if it is no mapping itself. */
#define CONF_MAP(type_, field_, count_, section_, help_) \
	{ .name = #field_, .type = CONF_TYPE_MAP, CONF_AT(type_, field_), .n_offset = offsetof(type_, count_), .section = (section_), .help = (help_) }
#define CONF_END { .type = CONF_TYPE_END }
/* clang-format on */

#define CONF_REQUIRED   true
#define CONF_OPTIONAL   false
#define CONF_NO_INITIAL NULL

/* Reads a file and binds it to a new zeroed struct of the section's size: *ret_root is always set,
 * and as complete as it could be made. Errors: -ENOMEM; what is wrong with the file is no error
 * here: look at conf_n_errors(). */
int conf_read_file(const char *path, const struct conf_section *section, struct conf **ret_conf,
		   void **ret_root);
/* The same from memory; `name` stands for the file's name in errors. At most 8 MiB. */
int conf_read_text(struct span text, const char *name, const struct conf_section *section,
		   struct conf **ret_conf, void **ret_root);
void conf_free(struct conf *conf); /* NULL is fine; all that was bound goes with it */

struct conf_error {
	char file[256];
	unsigned line, column; /* from 1; 0: the file as a whole */
	char text[256];
};
enum { CONF_MAX_ERRORS = 100 };
size_t conf_n_errors(const struct conf *conf);
/* Sorted by line. NULL past the end. */
const struct conf_error *conf_error_at(const struct conf *conf, size_t i);
/* Adds what a later check found, at the place of a bound value: `value` is the address of the field
 * (or of the list's element) in the bound struct. A key that was not given: its section's place. */
__attribute__((format(printf, 3, 4))) void conf_fault(struct conf *conf, const void *value,
						      const char *fmt, ...);
/* All errors as "file:line:column: text" lines, and a last line that counts them. */
void conf_print_errors(const struct conf *conf, struct buf *out);
/* The nearest of `words` to a misspelt one, by edit distance; NULL when none is near. For "unknown
 * pool 'ap': did you mean 'app'?" */
const char *conf_nearest(const char *word, const char *const *words, size_t n_words);
/* Memory of the document, for what checks derive. */
void *conf_alloc(struct conf *conf, size_t len);

/* Bare scalars, for other places where people write them (command lines): false when it is none. */
bool conf_parse_duration_ms(struct span text, int64_t *ret_ms);
bool conf_parse_size(struct span text, uint64_t *ret_bytes);
bool conf_parse_rate(struct span text, double *ret_per_s);

/* The reference in Markdown: every key with its type, range, default and help, sections as
 * headings. */
void conf_print_reference(const struct conf_section *section, struct buf *out);
