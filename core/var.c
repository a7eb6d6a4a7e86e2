/* SPDX-License-Identifier: Apache-2.0
 *
 * var: a template is a run of parts, each a constant or a getter with the rest of its name. All
 * parts and their text stand in one block, so that a template is one allocation.
 */
#include "core/var.h"

#include <ctype.h>
#include <stdio.h>

#include "core/conf.h"
#include "core/error.h"
#include "core/obj.h"

#define VAR_TEMPLATE_KIND OBJ_KIND('v', 'a', 'r', 't')

enum { MAX_TEXT = 64 << 10, MAX_NAME = 64, MAX_DEFS = 256, RETERR_BYTES = 160 };

struct var_part {
	const struct var_def *def; /* NULL: a constant */
	struct span text;          /* the constant, or what stood for the * */
};

struct var_template {
	uint32_t kind;
	size_t n_parts;
	struct var_part *parts; /* behind this struct; behind them their text */
};

struct compiler {
	const struct var_def *defs;
	struct span rest; /* of the input */
	uint8_t *text;    /* where the next byte of the parts' text goes */
	struct var_template *template;
	char *reterr;
};

/* Bytes grow the constant at the end, or begin one. */
static void constant_add(struct compiler *c, uint8_t byte)
{
	struct var_template *t = c->template;
	struct var_part *last = t->n_parts ? &t->parts[t->n_parts - 1] : NULL;

	if (!last || last->def) {
		last = &t->parts[t->n_parts++];
		MUST(last);
		*last = (struct var_part){ .text = span_of(c->text, 0) };
	}
	*c->text++ = byte;
	last->text.len++;
}

static bool is_family(const struct var_def *def)
{
	return span_ends(span_str(def->name), SPAN_LIT("_*"));
}

/* The definition of that name, else of the family with the longest prefix. */
static const struct var_def *def_find(const struct var_def *defs, struct span name,
				      struct span *ret_rest)
{
	const struct var_def *family = NULL;
	size_t family_len = 0;

	for (const struct var_def *def = defs; def->name; def++) {
		struct span def_name = span_str(def->name);
		if (span_eq(def_name, name)) {
			*ret_rest = span_from(name, name.len);
			return def;
		}
		struct span prefix = span_first(def_name, def_name.len - 1);
		if (is_family(def) && prefix.len > family_len && name.len > prefix.len &&
		    span_starts(name, prefix)) {
			family = def;
			family_len = prefix.len;
		}
	}
	if (family)
		*ret_rest = span_from(name, family_len);
	return family;
}

static int fault_unknown(const struct compiler *c, const char *name)
{
	const char *words[MAX_DEFS];
	size_t n = 0;

	for (; c->defs[n].name && n < MAX_DEFS; n++)
		words[n] = c->defs[n].name;
	const char *near = conf_nearest(name, words, n);
	snprintf(c->reterr, RETERR_BYTES, "unknown variable \"$%s\"%s%s%s", name,
		 near ? ": did you mean \"$" : "", near ? near : "", near ? "\"?" : "");
	return err_new(-EINVAL);
}

static bool is_name_byte(uint8_t byte, bool in_braces)
{
	return isalnum(byte) || byte == '_' || (in_braces && byte == '-');
}

/* What follows a dollar sign: `name` or `{name}`. Cut off the input, in lower case. */
static int name_cut(struct compiler *c, char *name)
{
	bool in_braces = c->rest.len && c->rest.at[0] == '{';
	struct span in = span_from(c->rest, in_braces);
	size_t len = 0;

	while (len < in.len && is_name_byte(in.at[len], in_braces))
		len++;
	if (in_braces && len == in.len) {
		snprintf(c->reterr, RETERR_BYTES, "\"${\" without its \"}\"");
		return err_new(-EINVAL);
	}
	if (len == 0 || (in_braces && in.at[len] != '}')) {
		snprintf(c->reterr, RETERR_BYTES,
			 "expected the name of a variable after \"$\": a dollar sign is \"$$\"");
		return err_new(-EINVAL);
	}
	if (len >= MAX_NAME) {
		snprintf(c->reterr, RETERR_BYTES, "the name of a variable has at most %d letters",
			 MAX_NAME - 1);
		return err_new(-EINVAL);
	}
	for (size_t i = 0; i < len; i++)
		name[i] = (char)tolower(in.at[i]);
	name[len] = 0;
	c->rest = span_from(in, len + in_braces);
	return 0;
}

static int variable_add(struct compiler *c)
{
	char name[MAX_NAME];
	struct span rest;
	int r = name_cut(c, name);

	if (r < 0)
		return err_pass(r);
	const struct var_def *def = def_find(c->defs, span_str(name), &rest);
	if (!def)
		return fault_unknown(c, name);
	memcpy(c->text, rest.at, rest.len);
	c->template->parts[c->template->n_parts++] =
		(struct var_part){ .def = def, .text = span_of(c->text, rest.len) };
	c->text += rest.len;
	return 0;
}

static int compile(struct compiler *c)
{
	while (c->rest.len) {
		uint8_t byte = c->rest.at[0];
		c->rest = span_from(c->rest, 1);
		if (byte != '$') {
			constant_add(c, byte);
		} else if (c->rest.len && c->rest.at[0] == '$') {
			constant_add(c, '$');
			c->rest = span_from(c->rest, 1);
		} else {
			int r = variable_add(c);
			if (r < 0)
				return err_pass(r);
		}
	}
	return 0;
}

/* A variable takes two bytes of input at least, and can part two constants: no more parts than
 * that. */
static size_t parts_bound(struct span text)
{
	size_t n_dollars = 0;

	for (size_t i = 0; i < text.len; i++)
		n_dollars += text.at[i] == '$';
	return 2 * n_dollars + 1;
}

static void template_drop(struct var_template **template)
{
	var_free(*template);
}

int var_compile(const struct var_def *defs, struct span text, struct var_template **ret_template,
		char *reterr)
{
	size_t parts_bytes = parts_bound(span_first(text, MAX_TEXT)) * sizeof(struct var_part);

	if (text.len > MAX_TEXT) {
		snprintf(reterr, RETERR_BYTES, "longer than %d bytes", MAX_TEXT);
		return err_new(-EINVAL);
	}
	CLEANUP(template_drop)
	struct var_template *template = calloc(1, sizeof(*template) + parts_bytes + text.len);
	if (!template) {
		snprintf(reterr, RETERR_BYTES, "out of memory");
		return err_new(-ENOMEM);
	}
	template->kind = VAR_TEMPLATE_KIND;
	template->parts = (struct var_part *)(void *)(template + 1);
	struct compiler c = {
		.defs = defs,
		.rest = text,
		.text = (uint8_t *)template->parts + parts_bytes,
		.template = template,
		.reterr = reterr,
	};
	int r = compile(&c);
	if (r < 0)
		return err_pass(r);
	*ret_template = TAKE(template);
	return 0;
}

void var_free(struct var_template *template)
{
	if (!template)
		return;
	MUST(template->kind == VAR_TEMPLATE_KIND);
	OBJ_FREE(template);
}

bool var_constant(const struct var_template *template, struct span *ret_text)
{
	MUST(template->kind == VAR_TEMPLATE_KIND);
	if (template->n_parts > 1 || (template->n_parts == 1 && template->parts[0].def))
		return false;
	*ret_text = template->n_parts ? template->parts[0].text : SPAN_LIT("");
	return true;
}

static struct span part_value(const struct var_part *part, void *subject, struct arena *arena)
{
	return part->def ? part->def->get(subject, part->text, arena) : part->text;
}

struct span var_expand(const struct var_template *template, void *subject, struct arena *arena)
{
	struct span *values;
	struct span all;
	size_t len = 0;

	MUST(template->kind == VAR_TEMPLATE_KIND);
	if (template->n_parts <= 1) {
		all = template->n_parts ? part_value(template->parts, subject, arena) : SPAN_NONE;
		return all.at ? all : SPAN_LIT(""); /* no value is no failure */
	}
	/* A getter is asked once: it may make its value anew each time. */
	values = arena_take(arena, template->n_parts * sizeof(*values));
	if (!values)
		return SPAN_NONE;
	for (size_t i = 0; i < template->n_parts; i++) {
		values[i] = part_value(&template->parts[i], subject, arena);
		len += values[i].len;
	}
	uint8_t *at = arena_take_bytes(arena, len ? len : 1);
	if (!at)
		return SPAN_NONE;
	all = span_of(at, len);
	for (size_t i = 0; i < template->n_parts; i++) {
		if (values[i].len)
			memcpy(at, values[i].at, values[i].len);
		at += values[i].len;
	}
	return all;
}

void var_expand_into(const struct var_template *template, void *subject, struct arena *arena,
		     struct buf *out)
{
	MUST(template->kind == VAR_TEMPLATE_KIND);
	for (size_t i = 0; i < template->n_parts; i++)
		buf_add(out, part_value(&template->parts[i], subject, arena));
}
