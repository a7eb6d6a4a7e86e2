/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_priv: what the files of conf share: the document, and the border between reading scalars,
 * binding the tree and telling errors.
 */
#pragma once

#include <yaml.h>

#include "core/arena.h"
#include "core/conf.h"

#define CONF_KIND OBJ_KIND('c', 'o', 'n', 'f')

enum {
	CONF_MAX_BYTES = 8 << 20,
	CONF_MAX_NODES = 200000, /* bound values: aliases can multiply what a small file says */
	CONF_MAX_DEPTH = 32,
	CONF_MAX_KEYS = 256, /* of one section's table */
	CONF_QUOTE_BYTES = 64,
};

/* Where what is bound at [at, at + len) stands in the file. */
struct conf_place {
	const uint8_t *at;
	size_t len;
	unsigned line, column;
};

struct conf {
	uint32_t kind;
	struct arena arena;
	char *folder; /* of the file, absolute; paths are relative to it */
	char file[sizeof(((struct conf_error *)NULL)->file)];
	struct conf_error errors[CONF_MAX_ERRORS]; /* sorted by place */
	size_t n_errors;
	bool more_errors;          /* than there is room for */
	struct conf_place *places; /* owned; inner after outer */
	size_t n_places, cap_places;
	bool no_memory; /* sticks: the reading ends in -ENOMEM */
	/* While binding: */
	yaml_document_t *document;
	unsigned n_nodes, depth;
};

/* conf_errors.c */
__attribute__((format(printf, 4, 5))) void conf_error_add(struct conf *conf, unsigned line,
							  unsigned column, const char *fmt, ...);
void conf_place_add(struct conf *conf, const void *at, size_t len, yaml_mark_t mark);
/* "text" in quotes, shortened, control characters escaped. Into `out` (CONF_QUOTE_BYTES); returns
 * it. */
const char *conf_quote(struct span text, char *out);
/* The edit distance of two words, with a swap of neighbours as one edit; large for long words. */
unsigned conf_distance(const char *a, const char *b);
/* The largest distance at which a word still counts as misspelt. */
unsigned conf_max_distance(const char *word);

/* conf_scalar.c */
/* Reads text as the key's type (`type`: of a list's item) and stores it at `at`. False when it is
 * none; the range is not looked at. */
bool conf_scalar_parse(struct conf *conf, const struct conf_key *key, enum conf_type type,
		       struct span text, void *at);
bool conf_scalar_in_range(const struct conf_key *key, enum conf_type type, const void *at);
size_t conf_scalar_size(enum conf_type type);
/* "a duration such as 30s": what a value of this type looks like; not for CHOICE. */
const char *conf_type_example(enum conf_type type);
/* "duration": one word for the reference. */
const char *conf_type_word(enum conf_type type);
/* "1s to 10m"; nothing without a range. */
void conf_range_print(const struct conf_key *key, enum conf_type type, struct buf *out);

/* conf_bind.c */
void conf_bind_defaults(struct conf *conf, const struct conf_section *section, void *at);
/* Binds the whole document to the root struct, whose defaults are set. */
void conf_bind_document(struct conf *conf, yaml_document_t *document,
			const struct conf_section *section, void *root);
