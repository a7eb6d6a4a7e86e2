/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_help: the reference of all keys, printed from the tables that bind them, so that it cannot
 * say anything else than what is done. A section that stands in several places is printed once.
 */
#include "core/conf_priv.h"

#include <ctype.h>

#include "core/obj.h"

enum { MAX_SECTIONS = 256 };

struct reference {
	const struct conf_section *sections[MAX_SECTIONS]; /* in the order of printing */
	size_t n_sections;
	struct buf *out;
};

static void section_note(struct reference *ref, const struct conf_section *section)
{
	for (size_t i = 0; i < ref->n_sections; i++) {
		if (ref->sections[i] == section)
			return;
	}
	MUST(ref->n_sections < MAX_SECTIONS);
	ref->sections[ref->n_sections++] = section;
}

/* A bar would end the table's cell. */
static void cell_print(struct buf *out, const char *text)
{
	for (; text && *text; text++) {
		if (*text == '|')
			buf_add_byte(out, '\\');
		buf_add_byte(out, *text == '\n' ? ' ' : (uint8_t)*text);
	}
}

/* A link to the section's heading: Markdown's anchors keep letters, digits, - and _ alone. */
static void section_link(struct buf *out, const struct conf_section *section)
{
	MUST(section);
	buf_printf(out, "[`%s`](#", section->name);
	for (const char *at = section->name; *at; at++) {
		int letter = tolower(*at);
		if (isalnum(letter) || letter == '-' || letter == '_')
			buf_add_byte(out, (uint8_t)letter);
	}
	buf_add_str(out, ")");
}

static void choices_print(struct buf *out, const struct conf_choice *choices)
{
	for (size_t i = 0; choices[i].word; i++)
		buf_printf(out, "%s`%s`", i ? ", " : "", choices[i].word);
}

static void type_print(struct buf *out, const struct conf_key *key, enum conf_type type)
{
	if (type == CONF_TYPE_SECTION) {
		section_link(out, key->section);
		return;
	}
	if (type == CONF_TYPE_CHOICE) {
		choices_print(out, key->choices);
		return;
	}
	buf_add_str(out, conf_type_word(type));
	if (!key->has_range)
		return;
	buf_add_str(out, ", ");
	conf_range_print(key, type, out);
}

static void key_type_print(struct buf *out, const struct conf_key *key)
{
	if (key->type == CONF_TYPE_LIST) {
		buf_add_str(out, "list of ");
		type_print(out, key, key->item);
	} else if (key->type == CONF_TYPE_MAP) {
		buf_add_str(out, "names, each with ");
		section_link(out, key->section);
	} else {
		type_print(out, key, key->type);
	}
}

static void key_print(struct reference *ref, const struct conf_key *key)
{
	struct buf *out = ref->out;

	if (key->section)
		section_note(ref, key->section);
	if (key->name[0])
		buf_printf(out, "| `%s` | ", key->name);
	else
		buf_add_str(out, "| (the value itself) | ");
	key_type_print(out, key);
	buf_add_str(out, " | ");
	if (key->required)
		buf_add_str(out, "required");
	else if (key->initial)
		buf_printf(out, "`%s`", key->initial);
	buf_add_str(out, " | ");
	cell_print(out, key->help);
	buf_add_str(out, " |\n");
}

static void section_print(struct reference *ref, const struct conf_section *section, bool is_root)
{
	struct buf *out = ref->out;

	buf_printf(out, "%s%s %s\n\n", is_root ? "" : "\n", is_root ? "#" : "##", section->name);
	if (section->help)
		buf_printf(out, "%s\n\n", section->help);
	buf_add_str(out, "| key | value | default | |\n|---|---|---|---|\n");
	for (const struct conf_key *key = section->keys; key->type != CONF_TYPE_END; key++)
		key_print(ref, key);
}

void conf_print_reference(const struct conf_section *section, struct buf *out)
{
	struct reference ref = { .out = out };

	section_note(&ref, section);
	for (size_t i = 0; i < ref.n_sections; i++) /* it grows as sections are printed */
		section_print(&ref, ref.sections[i], i == 0);
}
