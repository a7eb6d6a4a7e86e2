/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_scalar: single values as people write them, read strictly: a number without its unit, a unit
 * that is not ours, or a byte too many is no value.
 */
#include "core/conf_priv.h"

#include <ctype.h>
#include <stdio.h>

#include "core/obj.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit duration_units[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};
static const struct unit size_units[] = {
	{ "TiB", 1ULL << 40 },
	{ "GiB", 1ULL << 30 },
	{ "MiB", 1ULL << 20 },
	{ "KiB", 1ULL << 10 },
	{ "B", 1 },
	{ "", 1 },
};
static const struct unit rate_units[] = { { "h", 3600 }, { "m", 60 }, { "s", 1 } };

static const struct {
	size_t size;
	const char *word, *example;
} types[] = {
	[CONF_TYPE_END] = { 0, "", "" },
	[CONF_TYPE_STRING] = { sizeof(const char *), "text", "text" },
	[CONF_TYPE_PATH] = { sizeof(const char *), "path", "a path" },
	[CONF_TYPE_BOOL] = { sizeof(bool), "yes or no", "yes or no" },
	[CONF_TYPE_COUNT] = { sizeof(uint32_t), "whole number", "a whole number" },
	[CONF_TYPE_REAL] = { sizeof(double), "number", "a number" },
	[CONF_TYPE_DURATION] = { sizeof(int64_t), "duration", "a duration such as 30s" },
	[CONF_TYPE_SIZE] = { sizeof(uint64_t), "size", "a size such as 16MiB" },
	[CONF_TYPE_RATE] = { sizeof(double), "rate", "a rate such as 100/s" },
	[CONF_TYPE_ADDRESS] = { sizeof(struct addr), "address and port",
				"an address and port such as 192.0.2.1:443, [::1]:443 or "
				"unix:/run/x.sock" },
	[CONF_TYPE_IP] = { sizeof(struct addr), "IP address",
			   "an IP address such as 192.0.2.1 or 2001:db8::1" },
	[CONF_TYPE_PREFIX] = { sizeof(struct prefix), "prefix",
			       "a prefix such as 10.0.0.0/8, with no bits set past its length" },
	[CONF_TYPE_ENDPOINT] = { sizeof(const char *), "host and port",
				 "a host or an address with its port such as "
				 "app.example.com:8080" },
	[CONF_TYPE_CHOICE] = { sizeof(int), "choice", "" },
	[CONF_TYPE_SECTION] = { 0, "section", "a section of keys and values" },
	[CONF_TYPE_LIST] = { 0, "list", "a list" },
	[CONF_TYPE_MAP] = { 0, "map", "a section of names and values" },
};

size_t conf_scalar_size(enum conf_type type)
{
	MUST(type < ARRAY_LEN(types) && types[type].size > 0);
	return types[type].size;
}

const char *conf_type_example(enum conf_type type)
{
	return types[type].example;
}

const char *conf_type_word(enum conf_type type)
{
	return types[type].word;
}

/* Digits and one of the units right behind them. */
static bool quantity_parse(struct span text, const struct unit *units, size_t n_units,
			   uint64_t *ret_value)
{
	uint64_t value;
	size_t n_digits = 0;

	while (n_digits < text.len && isdigit(text.at[n_digits]))
		n_digits++;
	if (!span_to_u64(span_first(text, n_digits), UINT64_MAX, &value))
		return false;
	struct span unit = span_from(text, n_digits);
	for (size_t i = 0; i < n_units; i++) {
		if (span_eq(unit, span_str(units[i].name)))
			return !__builtin_mul_overflow(value, units[i].factor, ret_value);
	}
	return false;
}

static size_t skip_digits(struct span text, size_t at)
{
	while (at < text.len && isdigit(text.at[at]))
		at++;
	return at;
}

/* -1, 2.5, 1e3: what JSON takes as a number. strtod() alone would take " 0x1p3", "inf" and "nan".
 */
static bool number_parse(struct span text, double *ret_value)
{
	char copy[64];
	size_t at = text.len && text.at[0] == '-';
	size_t from = at;

	if (text.len >= sizeof(copy))
		return false;
	at = skip_digits(text, at);
	if (at == from)
		return false;
	if (at < text.len && text.at[at] == '.') {
		from = at + 1;
		at = skip_digits(text, from);
		if (at == from)
			return false;
	}
	if (at < text.len && (text.at[at] == 'e' || text.at[at] == 'E')) {
		from = at + 1;
		if (from < text.len && (text.at[from] == '-' || text.at[from] == '+'))
			from++;
		at = skip_digits(text, from);
		if (at == from)
			return false;
	}
	if (at != text.len)
		return false;
	memcpy(copy, text.at, text.len);
	copy[text.len] = 0;
	double value = strtod(copy, NULL);
	if (!(value >= -1e300 && value <= 1e300))
		return false;
	*ret_value = value;
	return true;
}

bool conf_parse_duration_ms(struct span text, int64_t *ret_ms)
{
	uint64_t ms;

	if (span_eq(text, SPAN_LIT("0"))) { /* nothing needs no unit */
		*ret_ms = 0;
		return true;
	}
	if (!quantity_parse(text, duration_units, ARRAY_LEN(duration_units), &ms) || ms > INT64_MAX)
		return false;
	*ret_ms = (int64_t)ms;
	return true;
}

bool conf_parse_size(struct span text, uint64_t *ret_bytes)
{
	return quantity_parse(text, size_units, ARRAY_LEN(size_units), ret_bytes);
}

bool conf_parse_rate(struct span text, double *ret_per_s)
{
	size_t slash = span_find(text, '/');
	struct span unit = span_from(text, slash + 1);
	double n;

	if (slash == text.len || !number_parse(span_first(text, slash), &n) || n < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(rate_units); i++) {
		if (span_eq(unit, span_str(rate_units[i].name))) {
			*ret_per_s = n / (double)rate_units[i].factor;
			return true;
		}
	}
	return false;
}

static bool bool_parse(struct span text, bool *ret_value)
{
	static const char *const yes[] = { "yes", "on", "true" };
	static const char *const no[] = { "no", "off", "false" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		bool is_yes = span_ieq(text, span_str(yes[i]));
		if (is_yes || span_ieq(text, span_str(no[i]))) {
			*ret_value = is_yes;
			return true;
		}
	}
	return false;
}

static bool count_parse(struct span text, uint32_t *ret_count)
{
	uint64_t value;

	if (!span_to_u64(text, UINT32_MAX, &value))
		return false;
	*ret_count = (uint32_t)value;
	return true;
}

static bool label_is_good(struct span label)
{
	if (label.len == 0 || label.len > 63 || label.at[0] == '-' ||
	    label.at[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++) {
		if (!isalnum(label.at[i]) && label.at[i] != '-' && label.at[i] != '_')
			return false;
	}
	return true;
}

/* A name of the DNS. One whose last label is a number is a mistyped IPv4 address. */
static bool host_is_good(struct span host)
{
	struct span rest = host;
	struct span label = SPAN_NONE;

	if (host.len == 0 || host.len > 253)
		return false;
	while (span_cut(&rest, '.', &label)) {
		if (!label_is_good(label))
			return false;
	}
	return skip_digits(label, 0) < label.len;
}

static bool endpoint_is_good(struct span text)
{
	struct addr addr;
	uint64_t port = 0;
	size_t colon = span_find(text, ':');

	if (addr_parse(text, &addr))
		return addr.any.sa_family != AF_UNIX && addr_port(&addr) > 0;
	struct span digits = span_from(text, colon + 1);
	return host_is_good(span_first(text, colon)) && digits.len <= 5 &&
	       span_to_u64(digits, UINT16_MAX, &port) && port > 0;
}

static bool string_keep(struct conf *conf, struct span text, const char **ret_text)
{
	const char *copy = arena_copy_str(&conf->arena, text);

	if (!copy)
		conf->no_memory = true;
	*ret_text = copy;
	return true;
}

static bool path_keep(struct conf *conf, struct span text, const char **ret_path)
{
	if (text.len == 0)
		return false;
	if (text.at[0] == '/')
		return string_keep(conf, text, ret_path);
	*ret_path = arena_printf(&conf->arena, "%s%s%.*s", conf->folder, conf->folder[1] ? "/" : "",
				 SPAN_FMT(text));
	if (!*ret_path)
		conf->no_memory = true;
	return true;
}

static bool choice_parse(const struct conf_choice *choices, struct span text, int *ret_value)
{
	for (; choices->word; choices++) {
		if (span_eq(text, span_str(choices->word))) {
			*ret_value = choices->value;
			return true;
		}
	}
	return false;
}

bool conf_scalar_parse(struct conf *conf, const struct conf_key *key, enum conf_type type,
		       struct span text, void *at)
{
	switch (type) {
	case CONF_TYPE_STRING:
		return string_keep(conf, text, at);
	case CONF_TYPE_PATH:
		return path_keep(conf, text, at);
	case CONF_TYPE_BOOL:
		return bool_parse(text, at);
	case CONF_TYPE_COUNT:
		return count_parse(text, at);
	case CONF_TYPE_REAL:
		return number_parse(text, at);
	case CONF_TYPE_DURATION:
		return conf_parse_duration_ms(text, at);
	case CONF_TYPE_SIZE:
		return conf_parse_size(text, at);
	case CONF_TYPE_RATE:
		return conf_parse_rate(text, at);
	case CONF_TYPE_ADDRESS:
		return addr_parse(text, at);
	case CONF_TYPE_IP:
		return addr_parse_ip(text, at);
	case CONF_TYPE_PREFIX:
		return prefix_parse(text, at);
	case CONF_TYPE_ENDPOINT:
		return endpoint_is_good(text) && string_keep(conf, text, at);
	case CONF_TYPE_CHOICE:
		return choice_parse(key->choices, text, at);
	case CONF_TYPE_END:
	case CONF_TYPE_SECTION:
	case CONF_TYPE_LIST:
	case CONF_TYPE_MAP:
		break;
	}
	UNREACHABLE();
}

/* Memory of the user's struct, as the number that the range is about. False: types without one. */
static bool scalar_number(enum conf_type type, const void *at, double *ret_value)
{
	if (type == CONF_TYPE_COUNT)
		*ret_value = *(const uint32_t *)at;
	else if (type == CONF_TYPE_DURATION)
		*ret_value = (double)*(const int64_t *)at;
	else if (type == CONF_TYPE_SIZE)
		*ret_value = (double)*(const uint64_t *)at;
	else if (type == CONF_TYPE_REAL || type == CONF_TYPE_RATE)
		*ret_value = *(const double *)at;
	else
		return false;
	return true;
}

bool conf_scalar_in_range(const struct conf_key *key, enum conf_type type, const void *at)
{
	double value;

	if (!key->has_range || !scalar_number(type, at, &value))
		return true;
	return value >= key->min && value <= key->max;
}

/* With the largest unit that leaves no rest. */
static void quantity_print(double value, const struct unit *units, size_t n_units, struct buf *out)
{
	for (size_t i = 0; i < n_units; i++) {
		uint64_t whole = (uint64_t)value;
		if (whole >= units[i].factor && whole % units[i].factor == 0) {
			buf_printf(out, "%llu%s", (unsigned long long)(whole / units[i].factor),
				   units[i].name);
			return;
		}
	}
	buf_add_str(out, "0");
}

static void number_print(enum conf_type type, double value, struct buf *out)
{
	if (type == CONF_TYPE_DURATION)
		quantity_print(value, duration_units, ARRAY_LEN(duration_units), out);
	else if (type == CONF_TYPE_SIZE)
		quantity_print(value, size_units, ARRAY_LEN(size_units), out);
	else
		buf_printf(out, "%.15g%s", value, type == CONF_TYPE_RATE ? "/s" : "");
}

void conf_range_print(const struct conf_key *key, enum conf_type type, struct buf *out)
{
	/* Past this a maximum is the type's own and tells nobody anything. */
	bool open_end = key->max >= (type == CONF_TYPE_COUNT ? (double)UINT32_MAX : 9e15);

	if (!key->has_range)
		return;
	if (open_end)
		buf_add_str(out, "at least ");
	number_print(type, key->min, out);
	if (!open_end) {
		buf_add_str(out, " to ");
		number_print(type, key->max, out);
	}
}
