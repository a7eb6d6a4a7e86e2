/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_errors: what is wrong and where. Places of bound values are kept as ranges of addresses, the
 * inner after the outer; a fault at a value is told at the smallest range that holds its address,
 * so a key that was not given is told at its section.
 */
#include "core/conf_priv.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/obj.h"

enum { MAX_WORD = 64, SWAP_ROWS = 3 };

__attribute__((format(printf, 4, 0))) static void
error_insert(struct conf *conf, unsigned line, unsigned column, const char *fmt, va_list args)
{
	size_t i = conf->n_errors;

	if (conf->n_errors == CONF_MAX_ERRORS) {
		conf->more_errors = true;
		return;
	}
	while (i > 0 &&
	       (conf->errors[i - 1].line > line ||
		(conf->errors[i - 1].line == line && conf->errors[i - 1].column > column))) {
		conf->errors[i] = conf->errors[i - 1];
		i--;
	}
	struct conf_error *error = &conf->errors[i];
	*error = (struct conf_error){ .line = line, .column = column };
	snprintf(error->file, sizeof(error->file), "%s", conf->file);
	vsnprintf(error->text, sizeof(error->text), fmt, args);
	conf->n_errors++;
}

void conf_error_add(struct conf *conf, unsigned line, unsigned column, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	error_insert(conf, line, column, fmt, args);
	va_end(args);
}

void conf_place_add(struct conf *conf, const void *at, size_t len, yaml_mark_t mark)
{
	if (conf->n_places == conf->cap_places) {
		size_t cap = conf->cap_places ? conf->cap_places * 2 : 256;
		struct conf_place *places = reallocarray(conf->places, cap, sizeof(*places));
		if (!places) {
			conf->no_memory = true;
			return;
		}
		conf->places = places;
		conf->cap_places = cap;
	}
	conf->places[conf->n_places++] = (struct conf_place){
		.at = at,
		.len = len,
		.line = (unsigned)mark.line + 1,
		.column = (unsigned)mark.column + 1,
	};
}

/* The smallest place around an address; of two alike the one bound later, which is the inner. */
static const struct conf_place *place_find(const struct conf *conf, const uint8_t *at)
{
	const struct conf_place *best = NULL;

	for (size_t i = 0; i < conf->n_places; i++) {
		const struct conf_place *place = &conf->places[i];
		if (at >= place->at && (size_t)(at - place->at) < place->len &&
		    (!best || place->len <= best->len))
			best = place;
	}
	return best;
}

void conf_fault(struct conf *conf, const void *value, const char *fmt, ...)
{
	const struct conf_place *place = NULL;
	va_list args;

	MUST(conf->kind == CONF_KIND);
	if (conf->n_errors < CONF_MAX_ERRORS)
		place = place_find(conf, value);
	va_start(args, fmt);
	error_insert(conf, place ? place->line : 0, place ? place->column : 0, fmt, args);
	va_end(args);
}

size_t conf_n_errors(const struct conf *conf)
{
	return conf->n_errors;
}

const struct conf_error *conf_error_at(const struct conf *conf, size_t i)
{
	return i < conf->n_errors ? &conf->errors[i] : NULL;
}

void conf_print_errors(const struct conf *conf, struct buf *out)
{
	for (size_t i = 0; i < conf->n_errors; i++) {
		const struct conf_error *error = &conf->errors[i];
		if (error->line > 0)
			buf_printf(out, "%s:%u:%u: %s\n", error->file, error->line, error->column,
				   error->text);
		else
			buf_printf(out, "%s: %s\n", error->file, error->text);
	}
	buf_printf(out, "%s: %zu error%s%s\n", conf->file, conf->n_errors,
		   conf->n_errors == 1 ? "" : "s", conf->more_errors ? ", and more" : "");
}

const char *conf_quote(struct span text, char *out)
{
	enum { LAST = CONF_QUOTE_BYTES - 5 }; /* room for ..." and the end */
	size_t n = 0;
	size_t i = 0;

	out[n++] = '"';
	for (; i < text.len; i++) {
		uint8_t byte = text.at[i];
		bool plain = byte >= ' ' && byte != 0x7f;
		if (n + (plain ? 1 : 4) > LAST)
			break;
		if (plain)
			out[n++] = (char)byte;
		else
			n += (size_t)snprintf(out + n, 5, "\\x%02x", byte);
	}
	/* Never end inside of a character. */
	while (i < text.len && n > 1 && (text.at[i] & 0xc0) == 0x80) {
		i--;
		n--;
	}
	snprintf(out + n, CONF_QUOTE_BYTES - n, "%s\"", i < text.len ? "..." : "");
	return out;
}

/* Rows of the table of distances between the starts of two words: the one at hand and the two
 * before. */
struct distance {
	const char *a, *b;
	unsigned rows[SWAP_ROWS][MAX_WORD + 1];
};

static unsigned distance_cell(const struct distance *d, size_t i, size_t j)
{
	const unsigned *row = d->rows[i % SWAP_ROWS];
	const unsigned *above = d->rows[(i - 1) % SWAP_ROWS];
	unsigned change = tolower(d->a[i - 1]) == tolower(d->b[j - 1]) ? 0 : 1;
	unsigned best = above[j - 1] + change;

	if (above[j] + 1 < best)
		best = above[j] + 1;
	if (row[j - 1] + 1 < best)
		best = row[j - 1] + 1;
	if (i > 1 && j > 1 && d->a[i - 1] == d->b[j - 2] && d->a[i - 2] == d->b[j - 1]) {
		unsigned swap = d->rows[(i + 1) % SWAP_ROWS][j - 2] + 1;
		best = swap < best ? swap : best;
	}
	return best;
}

unsigned conf_distance(const char *a, const char *b)
{
	struct distance d = { .a = a, .b = b };
	size_t a_len = strlen(a);
	size_t b_len = strlen(b);

	if (a_len > MAX_WORD || b_len > MAX_WORD)
		return UINT_MAX;
	for (size_t j = 0; j <= b_len; j++)
		d.rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		d.rows[i % SWAP_ROWS][0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++)
			d.rows[i % SWAP_ROWS][j] = distance_cell(&d, i, j);
	}
	return d.rows[a_len % SWAP_ROWS][b_len];
}

unsigned conf_max_distance(const char *word)
{
	size_t len = strlen(word);

	return len < 3 ? 1 : len < 6 ? 2 : 3;
}

const char *conf_nearest(const char *word, const char *const *words, size_t n_words)
{
	unsigned best = conf_max_distance(word) + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < n_words; i++) {
		unsigned distance = words[i] ? conf_distance(word, words[i]) : UINT_MAX;
		/* As many edits as letters: nothing of the word would be left. */
		if (distance < best && distance < strlen(words[i])) {
			best = distance;
			nearest = words[i];
		}
	}
	return nearest;
}
