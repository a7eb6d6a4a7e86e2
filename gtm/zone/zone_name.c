/* SPDX-License-Identifier: Apache-2.0
 *
 * zone_name: names as people write them in a configuration: labels of letters, digits, '-', '_' and
 * '*', parted by dots.
 */
#include <ctype.h>
#include <stdio.h>

#include "gtm/zone/zone.h"

enum { MAX_LABEL = 63 };

static bool is_label_byte(uint8_t byte)
{
	return isalnum(byte) || byte == '-' || byte == '_' || byte == '*';
}

/* 0: no label. */
static size_t add_label(struct span label, uint8_t *at, size_t room)
{
	if (label.len == 0 || label.len > MAX_LABEL || label.len + 1 > room)
		return 0;
	at[0] = (uint8_t)label.len;
	for (size_t i = 0; i < label.len; i++) {
		if (!is_label_byte(label.at[i]))
			return 0;
		at[i + 1] = (uint8_t)tolower(label.at[i]);
	}
	return label.len + 1;
}

size_t zone_name_from_text(const char *text, uint8_t name[ZONE_MAX_NAME])
{
	struct span rest = span_str(text), label;
	size_t len = 0;

	if (span_ends(rest, SPAN_LIT(".")))
		rest.len--;
	if (rest.len == 0) /* the root, if it was a dot */
		rest = SPAN_NONE;
	while (span_cut(&rest, '.', &label)) {
		size_t n = add_label(label, name + len, ZONE_MAX_NAME - 1 - len);
		if (n == 0)
			return 0;
		len += n;
	}
	if (len == 0 && strcmp(text, ".") != 0)
		return 0;
	name[len] = 0;
	return len + 1;
}

const char *zone_name_to_text(struct span name, char *text, size_t text_len)
{
	size_t used = 0;

	text[0] = '\0';
	while (name.len > 1 && name.at[0] > 0 && name.at[0] < name.len) {
		for (size_t i = 1; i <= name.at[0]; i++) {
			bool plain = isgraph(name.at[i]) && name.at[i] != '.' && name.at[i] != '\\';
			int n = snprintf(text + used, text_len - used, plain ? "%c" : "\\%03u",
					 name.at[i]);
			if (n < 0 || (size_t)n >= text_len - used)
				return text;
			used += (size_t)n;
		}
		if (used + 1 < text_len) {
			text[used++] = '.';
			text[used] = '\0';
		}
		name = span_from(name, (size_t)name.at[0] + 1);
	}
	return used ? text : ".";
}
