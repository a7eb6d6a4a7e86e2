/* SPDX-License-Identifier: Apache-2.0
 *
 * structured: RFC 8941 4.2, function by function. Each reader takes what is its from the front of
 * the rest; false: it is not there.
 */
#include "edge/http/structured.h"

#include "core/obj.h"
#include "edge/http/http_char.h"

enum { MAX_INTEGER_DIGITS = 15, MAX_DECIMAL_DIGITS = 12, MAX_FRACTION_DIGITS = 3 };

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_lower(uint8_t byte)
{
	return byte >= 'a' && byte <= 'z';
}

static bool is_alpha(uint8_t byte)
{
	return is_lower(byte | 0x20);
}

static bool begins(const struct span *rest, uint8_t byte)
{
	return rest->len && rest->at[0] == byte;
}

static bool take_byte(struct span *rest, uint8_t byte)
{
	if (!begins(rest, byte))
		return false;
	*rest = span_from(*rest, 1);
	return true;
}

static struct span take(struct span *rest, size_t n)
{
	struct span taken = span_first(*rest, n);

	*rest = span_from(*rest, n);
	return taken;
}

static void skip_spaces(struct span *rest)
{
	while (take_byte(rest, ' '))
		;
}

static void skip_blanks(struct span *rest)
{
	while (take_byte(rest, ' ') || take_byte(rest, '\t'))
		;
}

static bool key_take(struct span *rest, struct span *ret_key)
{
	size_t n = 0;

	if (!rest->len || !(is_lower(rest->at[0]) || rest->at[0] == '*'))
		return false;
	while (n < rest->len && (is_lower(rest->at[n]) || is_digit(rest->at[n]) ||
				 span_find(SPAN_LIT("_-.*"), rest->at[n]) < 4))
		n++;
	*ret_key = take(rest, n);
	return true;
}

static size_t count_digits(struct span text)
{
	size_t n = 0;

	while (n < text.len && is_digit(text.at[n]))
		n++;
	return n;
}

/* "-"? 1*15DIGIT, or 1*12DIGIT "." 1*3DIGIT */
static bool number_take(struct span *rest, struct sf_member *member)
{
	struct span all = *rest;
	bool negative = take_byte(rest, '-');
	size_t n = count_digits(*rest);

	if (n == 0 || n > MAX_INTEGER_DIGITS)
		return false;
	member->type = SF_INTEGER;
	member->integer = 0;
	for (size_t i = 0; i < n; i++)
		member->integer = member->integer * 10 + (rest->at[i] - '0');
	if (negative)
		member->integer = -member->integer;
	*rest = span_from(*rest, n);
	if (!take_byte(rest, '.'))
		return true;
	size_t n_fraction = count_digits(*rest);
	if (n > MAX_DECIMAL_DIGITS || n_fraction == 0 || n_fraction > MAX_FRACTION_DIGITS)
		return false;
	*rest = span_from(*rest, n_fraction);
	member->type = SF_DECIMAL;
	member->text = span_first(all, all.len - rest->len);
	return true;
}

static bool string_take(struct span *rest, struct sf_member *member)
{
	size_t i = 1;

	for (; i < rest->len && rest->at[i] != '"'; i++) {
		if (rest->at[i] == '\\' && ++i < rest->len && rest->at[i] != '"' &&
		    rest->at[i] != '\\')
			return false;
		if (i < rest->len && (rest->at[i] < ' ' || rest->at[i] > '~'))
			return false;
	}
	if (i >= rest->len)
		return false;
	member->type = SF_STRING;
	member->text = span_from(span_first(*rest, i), 1);
	*rest = span_from(*rest, i + 1);
	return true;
}

static bool token_take(struct span *rest, struct sf_member *member)
{
	size_t n = 1;

	while (n < rest->len && (http_char_is(rest->at[n], HTTP_CHAR_TOKEN) || rest->at[n] == ':' ||
				 rest->at[n] == '/'))
		n++;
	member->type = SF_TOKEN;
	member->text = take(rest, n);
	return true;
}

static bool bytes_take(struct span *rest, struct sf_member *member)
{
	struct span behind = span_from(*rest, 1);
	size_t n = span_find(behind, ':');

	if (n == behind.len)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = behind.at[i];
		if (!is_alpha(byte) && !is_digit(byte) && span_find(SPAN_LIT("+/="), byte) == 3)
			return false;
	}
	member->type = SF_BYTES;
	member->text = span_first(behind, n);
	*rest = span_from(behind, n + 1);
	return true;
}

static bool boolean_take(struct span *rest, struct sf_member *member)
{
	*rest = span_from(*rest, 1);
	member->type = SF_BOOLEAN;
	member->boolean = begins(rest, '1');
	return take_byte(rest, member->boolean ? '1' : '0');
}

static bool bare_item_take(struct span *rest, struct sf_member *member)
{
	uint8_t first = rest->len ? rest->at[0] : 0;

	if (first == '-' || is_digit(first))
		return number_take(rest, member);
	if (first == '"')
		return string_take(rest, member);
	if (first == ':')
		return bytes_take(rest, member);
	if (first == '?')
		return boolean_take(rest, member);
	return (first == '*' || is_alpha(first)) && token_take(rest, member);
}

static bool parameters_skip(struct span *rest)
{
	struct sf_member unused;

	while (take_byte(rest, ';')) {
		skip_spaces(rest);
		if (!key_take(rest, &unused.key) ||
		    (take_byte(rest, '=') && !bare_item_take(rest, &unused)))
			return false;
	}
	return true;
}

static bool inner_list_take(struct span *rest, struct sf_member *member)
{
	struct span all = *rest;
	struct sf_member unused;

	take_byte(rest, '(');
	for (;;) {
		skip_spaces(rest);
		if (take_byte(rest, ')'))
			break;
		if (!bare_item_take(rest, &unused) || !parameters_skip(rest) ||
		    !(begins(rest, ' ') || begins(rest, ')')))
			return false;
	}
	member->type = SF_INNER_LIST;
	member->text = span_first(all, all.len - rest->len);
	return true;
}

static bool value_take(struct span *rest, struct sf_member *member)
{
	if (!take_byte(rest, '=')) {
		member->type = SF_BOOLEAN;
		member->boolean = true;
		return true;
	}
	return begins(rest, '(') ? inner_list_take(rest, member) : bare_item_take(rest, member);
}

enum sf_outcome sf_dictionary_next(struct span *rest, struct sf_member *ret_member)
{
	skip_spaces(rest);
	if (!rest->len)
		return SF_END;
	if (!key_take(rest, &ret_member->key) || !value_take(rest, ret_member) ||
	    !parameters_skip(rest))
		return SF_MALFORMED;
	skip_blanks(rest);
	if (!rest->len)
		return SF_MEMBER;
	if (!take_byte(rest, ','))
		return SF_MALFORMED;
	skip_blanks(rest);
	return rest->len ? SF_MEMBER : SF_MALFORMED; /* a comma at the end */
}
