/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_text: the text of a head, read in the most tolerant way, by nobody's rules: what the rows of
 * fuzz_h1_differential look at.
 */
#pragma once

#include "core/span.h"

enum { MAX_LINES = 512 };

struct line {
	struct span name, value; /* value trimmed of spaces and tabs; name as it stands */
	bool has_colon;
};

struct text {
	bool response, to_head;
	struct span all;
	size_t skipped;                      /* CR and LF before the first line */
	struct span first;                   /* without its line end */
	struct span method, target, version; /* of a request line, by single spaces */
	unsigned n_lines;
	struct line lines[MAX_LINES];
};

/* Up to the next LF, or to the end, without a CR before it. */
static inline struct span line_cut(struct span *rest)
{
	size_t lf = span_find(*rest, '\n');
	struct span line = span_first(*rest, lf);

	*rest = span_from(*rest, lf + 1);
	return span_ends(line, SPAN_LIT("\r")) ? span_first(line, line.len - 1) : line;
}

static inline void text_read(struct text *text, struct span all)
{
	struct span rest = all;

	text->all = all;
	while (rest.len && (rest.at[0] == '\r' || rest.at[0] == '\n'))
		rest = span_from(rest, 1);
	text->skipped = all.len - rest.len;
	text->first = line_cut(&rest);
	size_t first = span_find(text->first, ' ');
	text->method = span_first(text->first, first);
	struct span behind = span_from(text->first, first + 1);
	size_t second = span_find(behind, ' ');
	text->target = span_first(behind, second);
	text->version = span_from(behind, second + 1);
	text->n_lines = 0;
	while (rest.len && text->n_lines < MAX_LINES) {
		struct span line = line_cut(&rest);
		size_t colon = span_find(line, ':');
		text->lines[text->n_lines++] =
			(struct line){ span_first(line, colon),
				       span_trim(span_from(line, colon + 1)), colon < line.len };
		if (line.len == 0)
			break; /* what follows is no head */
	}
}

static inline const struct line *find(const struct text *text, const char *name, unsigned *ret_n)
{
	const struct line *found = NULL;

	*ret_n = 0;
	for (unsigned i = 0; i < text->n_lines; i++) {
		if (span_ieq(span_trim(text->lines[i].name), span_str(name))) {
			found = &text->lines[i];
			++*ret_n;
		}
	}
	return found;
}

static inline unsigned count(const struct text *text, const char *name)
{
	unsigned n;

	(void)find(text, name, &n);
	return n;
}

static inline bool holds(struct span text, uint8_t byte)
{
	return span_find(text, byte) < text.len;
}
