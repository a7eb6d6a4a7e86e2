/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_bind: walks YAML's tree along the tables and fills the structs. The walk's depth is that of
 * the tables, not of the input; what aliases can multiply is counted. A value that is wrong leaves
 * the default in its place, and the walk goes on.
 */
#include "core/conf_priv.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/obj.h"

/* A node with the place that stands for it: a container is told at its key. */
struct spot {
	yaml_node_t *node;
	yaml_mark_t mark;
};

static void bind_value(struct conf *conf, const struct conf_key *key, struct spot spot, void *base);

static struct span node_text(const yaml_node_t *node)
{
	return span_of(node->data.scalar.value, node->data.scalar.length);
}

/* What YAML reads as nothing: an empty value, ~ or null, if not in quotes. */
static bool node_is_null(const yaml_node_t *node)
{
	struct span text;

	if (node->type == YAML_NO_NODE)
		return true;
	if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	text = node_text(node);
	return text.len == 0 || span_eq(text, SPAN_LIT("~")) || span_ieq(text, SPAN_LIT("null"));
}

/* What was found, for an error. `out`: CONF_QUOTE_BYTES. */
static const char *node_found(const yaml_node_t *node, char *out)
{
	if (node_is_null(node))
		return "nothing";
	if (node->type == YAML_SEQUENCE_NODE)
		return "a list";
	if (node->type == YAML_MAPPING_NODE)
		return "a section of keys and values";
	return conf_quote(node_text(node), out);
}

__attribute__((format(printf, 3, 4))) static void fault_at(struct conf *conf, yaml_mark_t mark,
							   const char *fmt, ...)
{
	char text[sizeof(((struct conf_error *)NULL)->text)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	conf_error_add(conf, (unsigned)mark.line + 1, (unsigned)mark.column + 1, "%s", text);
}

static void fault_kind(struct conf *conf, struct spot spot, enum conf_type expected)
{
	char quote[CONF_QUOTE_BYTES];

	fault_at(conf, spot.mark, "expected %s, found %s", conf_type_example(expected),
		 node_found(spot.node, quote));
}

/* One more value is bound. False when there are too many, which is said once. */
static bool node_count(struct conf *conf, struct spot spot)
{
	if (conf->n_nodes > CONF_MAX_NODES)
		return false;
	if (++conf->n_nodes <= CONF_MAX_NODES)
		return true;
	fault_at(conf, spot.mark, "more than %d values: the rest is not read", CONF_MAX_NODES);
	return false;
}

static yaml_node_t *node_at(struct conf *conf, int index)
{
	yaml_node_t *node = yaml_document_get_node(conf->document, index);

	MUST(node);
	return node;
}

static void *bind_alloc(struct conf *conf, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return conf_alloc(conf, bytes);
}

void conf_bind_defaults(struct conf *conf, const struct conf_section *section, void *at)
{
	for (const struct conf_key *key = section->keys; key->type != CONF_TYPE_END; key++) {
		void *field = (uint8_t *)at + key->offset;
		if (key->type == CONF_TYPE_SECTION)
			conf_bind_defaults(conf, key->section, field);
		else if (key->initial)
			MUST(conf_scalar_parse(conf, key, key->type, span_str(key->initial),
					       field));
	}
}

/* "one of a, b or c", and the word that was meant, if one is near. */
static void fault_choice(struct conf *conf, const struct conf_key *key, struct spot spot)
{
	const char *words[CONF_MAX_KEYS];
	char quote[CONF_QUOTE_BYTES];
	char word[CONF_QUOTE_BYTES] = "";
	size_t n = 0;
	struct buf list;

	buf_init(&list, 140);
	for (; key->choices[n].word && n < ARRAY_LEN(words); n++) {
		words[n] = key->choices[n].word;
		buf_printf(&list, "%s%s", n ? ", " : "", words[n]);
	}
	if (spot.node->type == YAML_SCALAR_NODE)
		snprintf(word, sizeof(word), "%.*s",
			 SPAN_FMT(span_first(node_text(spot.node), 63)));
	const char *near = word[0] ? conf_nearest(word, words, n) : NULL;
	fault_at(conf, spot.mark, "expected one of %.*s, found %s%s%s%s", SPAN_FMT(buf_span(&list)),
		 node_found(spot.node, quote), near ? ": did you mean " : "", near ? near : "",
		 near ? "?" : "");
	buf_fini(&list);
}

static void fault_range(struct conf *conf, const struct conf_key *key, enum conf_type type,
			struct spot spot)
{
	char quote[CONF_QUOTE_BYTES];
	struct buf range;

	buf_init(&range, 100);
	conf_range_print(key, type, &range);
	fault_at(conf, spot.mark, "expected a %s: %.*s, found %s", conf_type_word(type),
		 SPAN_FMT(buf_span(&range)), node_found(spot.node, quote));
	buf_fini(&range);
}

static void fault_scalar(struct conf *conf, const struct conf_key *key, enum conf_type type,
			 struct spot spot)
{
	if (type == CONF_TYPE_CHOICE)
		fault_choice(conf, key, spot);
	else if (type == CONF_TYPE_COUNT && key->has_range)
		fault_range(conf, key, type, spot);
	else
		fault_kind(conf, spot, type);
}

/* False when the value is wrong, which was said; `at` is then as it was. */
static bool bind_scalar(struct conf *conf, const struct conf_key *key, enum conf_type type,
			struct spot spot, void *at)
{
	union {
		const char *text;
		struct addr addr;
		struct prefix prefix;
		uint64_t number;
		double real;
	} value = { .text = NULL };

	memset(&value, 0, sizeof(value));
	if (spot.node->type != YAML_SCALAR_NODE || node_is_null(spot.node)) {
		fault_scalar(conf, key, type, spot);
		return false;
	}
	struct span text = node_text(spot.node);
	if (span_find(text, 0) < text.len) {
		fault_at(conf, spot.mark, "the text holds a zero byte");
		return false;
	}
	if (!conf_scalar_parse(conf, key, type, text, &value)) {
		fault_scalar(conf, key, type, spot);
		return false;
	}
	if (!conf_scalar_in_range(key, type, &value)) {
		fault_range(conf, key, type, spot);
		return false;
	}
	memcpy(at, &value, conf_scalar_size(type));
	conf_place_add(conf, at, 1, spot.mark);
	return true;
}

static const struct conf_key *key_find(const struct conf_section *section, struct span name)
{
	for (const struct conf_key *key = section->keys; key->type != CONF_TYPE_END; key++) {
		if (key->name[0] && span_eq(span_str(key->name), name))
			return key;
	}
	return NULL;
}

static void fault_unknown_key(struct conf *conf, const struct conf_section *section,
			      struct span name, yaml_mark_t mark)
{
	const char *words[CONF_MAX_KEYS];
	char quote[CONF_QUOTE_BYTES];
	char word[CONF_QUOTE_BYTES];
	size_t n = 0;
	struct buf list;

	buf_init(&list, 140);
	for (const struct conf_key *key = section->keys; key->type != CONF_TYPE_END; key++) {
		if (!key->name[0])
			continue;
		buf_printf(&list, "%s%s", n ? ", " : "", key->name);
		words[n++] = key->name;
	}
	snprintf(word, sizeof(word), "%.*s", SPAN_FMT(span_first(name, 63)));
	const char *near = conf_nearest(word, words, n);
	if (near)
		fault_at(conf, mark, "unknown key %s: did you mean \"%s\"?",
			 conf_quote(name, quote), near);
	else
		fault_at(conf, mark, "unknown key %s: expected one of %.*s%s",
			 conf_quote(name, quote), SPAN_FMT(buf_span(&list)),
			 list.failed ? ", ..." : "");
	buf_fini(&list);
}

/* The key's text, or nothing and an error. */
static bool pair_name(struct conf *conf, const yaml_node_t *key_node, struct span *ret_name)
{
	if (key_node->type == YAML_SCALAR_NODE && key_node->data.scalar.length > 0 &&
	    span_find(node_text(key_node), 0) == key_node->data.scalar.length) {
		*ret_name = node_text(key_node);
		return true;
	}
	fault_at(conf, key_node->start_mark, "expected a key");
	return false;
}

static bool type_is_container(enum conf_type type)
{
	return type == CONF_TYPE_SECTION || type == CONF_TYPE_LIST || type == CONF_TYPE_MAP;
}

/* `given_at[i]`: the line of the section's i-th key, 0: not there. */
static void bind_pair(struct conf *conf, const struct conf_section *section,
		      const yaml_node_pair_t *pair, void *at, size_t *given_at)
{
	yaml_node_t *key_node = node_at(conf, pair->key);
	struct spot spot = { .node = node_at(conf, pair->value), .mark = key_node->start_mark };
	struct span name;

	if (!pair_name(conf, key_node, &name))
		return;
	const struct conf_key *key = key_find(section, name);
	if (!key) {
		fault_unknown_key(conf, section, name, key_node->start_mark);
		return;
	}
	size_t *given = &given_at[key - section->keys];
	if (*given) {
		fault_at(conf, key_node->start_mark, "\"%s\" is given twice: first on line %zu",
			 key->name, *given);
		return;
	}
	*given = key_node->start_mark.line + 1;
	if (!type_is_container(key->type))
		spot.mark = spot.node->start_mark;
	if (key->set_offset)
		*(bool *)((uint8_t *)at + key->set_offset) = true;
	bind_value(conf, key, spot, at);
}

static void bind_mapping(struct conf *conf, const struct conf_section *section, struct spot spot,
			 void *at)
{
	size_t given_at[CONF_MAX_KEYS] = { 0 };

	for (yaml_node_pair_t *pair = spot.node->data.mapping.pairs.start;
	     pair < spot.node->data.mapping.pairs.top; pair++)
		bind_pair(conf, section, pair, at, given_at);
	for (const struct conf_key *key = section->keys; key->type != CONF_TYPE_END; key++) {
		if (key->required && key->name[0] && !given_at[key - section->keys])
			fault_at(conf, spot.mark, "\"%s\" is missing: %s", key->name,
				 key->help ? key->help : "it is required");
	}
}

/* The key named "" that takes a value which is written without keys; NULL: this one has keys. */
static const struct conf_key *direct_key(const struct conf_section *section,
					 const yaml_node_t *node)
{
	const struct conf_key *key = section->keys;

	if (key->type == CONF_TYPE_END || key->name[0])
		return NULL;
	bool single = key[1].type == CONF_TYPE_END;
	return single || node->type != YAML_MAPPING_NODE ? key : NULL;
}

static void bind_struct(struct conf *conf, const struct conf_section *section, struct spot spot,
			void *at)
{
	const struct conf_key *direct = direct_key(section, spot.node);

	conf_place_add(conf, at, section->struct_size, spot.mark);
	if (conf->depth >= CONF_MAX_DEPTH) {
		fault_at(conf, spot.mark, "nested deeper than %d levels", CONF_MAX_DEPTH);
		return;
	}
	conf->depth++;
	if (direct)
		bind_value(conf, direct, spot, at);
	else if (spot.node->type == YAML_MAPPING_NODE)
		bind_mapping(conf, section, spot, at);
	else
		fault_kind(conf, spot, CONF_TYPE_SECTION);
	conf->depth--;
}

/* The array for a list's or a map's items, put into its field. NULL: nothing can be bound. */
static uint8_t *items_new(struct conf *conf, const struct conf_key *key, struct spot spot,
			  size_t n_items, void *base)
{
	uint32_t max = key->max_items ? key->max_items : 65536;
	bool is_struct = key->type == CONF_TYPE_MAP || key->item == CONF_TYPE_SECTION;
	size_t size = is_struct ? key->section->struct_size : conf_scalar_size(key->item);

	conf_place_add(conf, (uint8_t *)base + key->offset, 1, spot.mark);
	if (n_items > max) {
		fault_at(conf, spot.mark, "expected at most %u items, found %zu", max, n_items);
		return NULL;
	}
	if (n_items == 0)
		return NULL;
	uint8_t *items = bind_alloc(conf, n_items, size);
	if (items)
		memcpy((uint8_t *)base + key->offset, &items, sizeof(items));
	return items;
}

static void bind_list(struct conf *conf, const struct conf_key *key, struct spot spot, void *base)
{
	size_t *n = (size_t *)(void *)((uint8_t *)base + key->n_offset);

	if (spot.node->type != YAML_SEQUENCE_NODE) {
		fault_kind(conf, spot, CONF_TYPE_LIST);
		return;
	}
	yaml_node_item_t *node_items = spot.node->data.sequence.items.start;
	size_t n_items = (size_t)(spot.node->data.sequence.items.top - node_items);
	uint8_t *at = items_new(conf, key, spot, n_items, base);
	for (size_t i = 0; at && i < n_items; i++) {
		yaml_node_t *node = node_at(conf, node_items[i]);
		struct spot item = { .node = node, .mark = node->start_mark };
		if (!node_count(conf, item))
			return;
		if (key->item == CONF_TYPE_SECTION) {
			conf_bind_defaults(conf, key->section, at);
			bind_struct(conf, key->section, item, at);
			at += key->section->struct_size;
		} else if (bind_scalar(conf, key, key->item, item, at)) {
			at += conf_scalar_size(key->item);
		} else {
			continue;
		}
		(*n)++;
	}
}

struct map_name {
	struct span name;
	yaml_mark_t mark;
};

static int map_name_compare(const void *one, const void *two)
{
	const struct map_name *a = one, *b = two;
	int order = memcmp(a->name.at, b->name.at, MIN(a->name.len, b->name.len));

	if (order == 0)
		order = (a->name.len > b->name.len) - (a->name.len < b->name.len);
	if (order == 0)
		order = (a->mark.index > b->mark.index) - (a->mark.index < b->mark.index);
	return order;
}

static void fault_doubles(struct conf *conf, struct map_name *names, size_t n)
{
	char quote[CONF_QUOTE_BYTES];

	qsort(names, n, sizeof(*names), map_name_compare);
	for (size_t i = 1; i < n; i++) {
		if (span_eq(names[i].name, names[i - 1].name))
			fault_at(conf, names[i].mark, "%s is given twice: first on line %zu",
				 conf_quote(names[i].name, quote), names[i - 1].mark.line + 1);
	}
}

/* One name and its value. False when the name is none. */
static bool bind_map_item(struct conf *conf, const struct conf_section *section,
			  const yaml_node_pair_t *pair, uint8_t *at, struct map_name *ret_name)
{
	yaml_node_t *key_node = node_at(conf, pair->key);
	struct spot spot = { .node = node_at(conf, pair->value), .mark = key_node->start_mark };

	if (!pair_name(conf, key_node, &ret_name->name))
		return false;
	ret_name->mark = key_node->start_mark;
	const char *name = arena_copy_str(&conf->arena, ret_name->name);
	if (!name)
		conf->no_memory = true;
	conf_bind_defaults(conf, section, at);
	memcpy(at + section->key_offset, &name, sizeof(name));
	conf_place_add(conf, at + section->key_offset, 1, spot.mark);
	if (spot.node->type == YAML_SCALAR_NODE)
		spot.mark = spot.node->start_mark;
	bind_struct(conf, section, spot, at);
	return true;
}

static void bind_map(struct conf *conf, const struct conf_key *key, struct spot spot, void *base)
{
	size_t *n = (size_t *)(void *)((uint8_t *)base + key->n_offset);

	if (spot.node->type != YAML_MAPPING_NODE) {
		fault_kind(conf, spot, CONF_TYPE_MAP);
		return;
	}
	yaml_node_pair_t *pairs = spot.node->data.mapping.pairs.start;
	size_t n_pairs = (size_t)(spot.node->data.mapping.pairs.top - pairs);
	uint8_t *at = items_new(conf, key, spot, n_pairs, base);
	if (!at)
		return;
	struct map_name *names = bind_alloc(conf, n_pairs, sizeof(*names));
	for (size_t i = 0; names && i < n_pairs; i++) {
		if (!node_count(conf, spot))
			break;
		if (!bind_map_item(conf, key->section, &pairs[i], at, &names[*n]))
			continue;
		at += key->section->struct_size;
		(*n)++;
	}
	if (names)
		fault_doubles(conf, names, *n);
}

static void bind_value(struct conf *conf, const struct conf_key *key, struct spot spot, void *base)
{
	void *at = (uint8_t *)base + key->offset;

	if (conf->no_memory || !node_count(conf, spot))
		return;
	if (key->type == CONF_TYPE_SECTION)
		bind_struct(conf, key->section, spot, at);
	else if (key->type == CONF_TYPE_LIST)
		bind_list(conf, key, spot, base);
	else if (key->type == CONF_TYPE_MAP)
		bind_map(conf, key, spot, base);
	else
		(void)bind_scalar(conf, key, key->type, spot, at);
}

void conf_bind_document(struct conf *conf, yaml_document_t *document,
			const struct conf_section *section, void *root)
{
	yaml_node_t nothing = { .type = YAML_MAPPING_NODE };
	yaml_node_t *node = yaml_document_get_root_node(document);

	conf->document = document;
	if (!node || node_is_null(node))
		node = &nothing; /* an empty file: all that is required is missing */
	struct spot spot = { .node = node, .mark = node->start_mark };
	bind_struct(conf, section, spot, root);
	conf->document = NULL;
}
