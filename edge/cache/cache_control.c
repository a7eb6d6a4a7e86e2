/* SPDX-License-Identifier: Apache-2.0
 *
 * cache_control: a list of directives, each a token with or without an argument, which is a token
 * or quoted (RFC 9111 5.2). Commas within quotes separate nothing.
 */
#include "edge/cache/cache_control.h"

#include "core/obj.h"
#include "edge/http/structured.h"

static const struct span says_names[] = {
#define X(ID, name) { (const uint8_t *)(name), sizeof(name) - 1 },
	CACHE_SAYS(X)
#undef X
};
static const struct span time_names[] = {
#define X(ID, name) { (const uint8_t *)(name), sizeof(name) - 1 },
	CACHE_TIMES(X)
#undef X
};

struct directive {
	struct span name, argument; /* the argument without its quotes */
	bool has_argument, quoted;
};

void cache_control_init(struct cache_control *control)
{
	*control = (struct cache_control){ .says = 0 };
	for (size_t i = 0; i < CACHE_N_TIMES; i++)
		control->times_s[i] = CACHE_UNSAID;
}

/* Digits alone; anything else is 0: stale (RFC 9111 4.2.1). */
static int64_t seconds_read(struct span text)
{
	int64_t value = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return 0;
		value = MIN(value * 10 + (text.at[i] - '0'), CACHE_FOREVER_S);
	}
	return value;
}

/* Of two the one that lets less through: the lesser time, but for how fresh it must be. */
static void time_take(struct cache_control *control, enum cache_time what, int64_t value_s)
{
	int64_t *time_s = &control->times_s[what];

	if (*time_s == CACHE_UNSAID)
		*time_s = value_s;
	else
		*time_s = what == CACHE_MIN_FRESH ? MAX(*time_s, value_s) : MIN(*time_s, value_s);
}

/* Both lists count; two are rare, and then the directive without one says more than both. */
static void fields_take(struct cache_control *control, enum cache_says what, struct span *fields,
			struct span names)
{
	if (fields->len)
		control->says |= 1u << what;
	*fields = names;
}

static bool says_take(struct cache_control *control, const struct directive *directive)
{
	for (size_t i = 0; i < CACHE_N_SAYS; i++) {
		if (!span_ieq(directive->name, says_names[i]))
			continue;
		if (i == CACHE_NO_CACHE && directive->quoted && directive->argument.len)
			fields_take(control, CACHE_NO_CACHE, &control->no_cache_fields,
				    directive->argument);
		else if (i == CACHE_PRIVATE && directive->quoted && directive->argument.len)
			fields_take(control, CACHE_PRIVATE, &control->private_fields,
				    directive->argument);
		else
			control->says |= 1u << i;
		return true;
	}
	return false;
}

static void directive_take(struct cache_control *control, const struct directive *directive)
{
	control->any = true;
	if (says_take(control, directive))
		return;
	for (size_t i = 0; i < CACHE_N_TIMES; i++) {
		if (!span_ieq(directive->name, time_names[i]))
			continue;
		bool any = i == CACHE_MAX_STALE && !directive->has_argument;
		time_take(control, (enum cache_time)i,
			  any ? CACHE_FOREVER_S : seconds_read(directive->argument));
		return;
	}
}

/* Up to the next comma that no quotes hold. */
static struct span element_next(struct span *rest)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < rest->len && (quoted || rest->at[i] != ','); i++) {
		if (quoted && rest->at[i] == '\\')
			i++;
		else if (rest->at[i] == '"')
			quoted = !quoted;
	}
	i = MIN(i, rest->len);
	struct span element = span_first(*rest, i);
	*rest = span_from(*rest, i + 1);
	return span_trim(element);
}

static struct directive directive_of(struct span element)
{
	size_t equals = span_find(element, '=');
	struct directive directive = { .name = span_trim(span_first(element, equals)),
				       .argument = span_trim(span_from(element, equals + 1)),
				       .has_argument = equals < element.len };
	struct span *argument = &directive.argument;

	if (argument->len >= 2 && argument->at[0] == '"' &&
	    argument->at[argument->len - 1] == '"') {
		*argument = span_first(span_from(*argument, 1), argument->len - 2);
		directive.quoted = true;
	}
	return directive;
}

void cache_control_read(struct cache_control *control, struct span value)
{
	while (value.len) {
		struct directive directive = directive_of(element_next(&value));
		if (directive.name.len)
			directive_take(control, &directive);
	}
}

bool cache_control_names(struct span fields, struct span name)
{
	struct span part;

	while (span_cut(&fields, ',', &part)) {
		if (span_ieq(span_trim(part), name))
			return true;
	}
	return false;
}

/* RFC 9213 2.2: an integer for a time, true for what is said; of another type it was not said. The
 * last of a name counts (RFC 8941 3.2). */
static void member_take(struct cache_control *control, const struct sf_member *member)
{
	control->any = true;
	for (size_t i = 0; i < CACHE_N_SAYS; i++) {
		if (!span_eq(member->key, says_names[i]))
			continue;
		control->says &= ~(1u << i);
		if (member->type == SF_BOOLEAN && member->boolean)
			control->says |= 1u << i;
		return;
	}
	for (size_t i = 0; i < CACHE_N_TIMES; i++) {
		if (!span_eq(member->key, time_names[i]))
			continue;
		control->times_s[i] = member->type == SF_INTEGER && member->integer >= 0
					      ? MIN(member->integer, CACHE_FOREVER_S)
					      : CACHE_UNSAID;
		return;
	}
}

bool cache_control_read_targeted(struct cache_control *control, struct span value)
{
	struct cache_control read = *control;
	struct sf_member member;
	enum sf_outcome r;

	while ((r = sf_dictionary_next(&value, &member)) == SF_MEMBER)
		member_take(&read, &member);
	if (r == SF_MALFORMED)
		return false;
	*control = read;
	return true;
}
