/* SPDX-License-Identifier: Apache-2.0
 *
 * accept_encoding: what was said is gathered first, for a star speaks of all that no element of any
 * line has named.
 */
#include "edge/http/accept_encoding.h"

#include "core/obj.h"

enum { Q_UNSAID = UINT16_MAX, Q_MAX = 1000, STAR = HTTP_N_CODINGS, N_NAMES };

static const struct span names[N_NAMES] = {
#define X(ID, name) [HTTP_CODING_##ID] = { (const uint8_t *)(name), sizeof(name) - 1 },
	HTTP_CODINGS(X)
#undef X
		[STAR] = { (const uint8_t *)"*", 1 },
};

/* Its number; N_NAMES: not known here. */
static size_t name_lookup(struct span name)
{
	size_t i = 0;

	if (span_ieq(name, SPAN_LIT("x-gzip")))
		return HTTP_CODING_GZIP;
	while (i < N_NAMES && !span_ieq(name, names[i]))
		i++;
	return i;
}

/* qvalue (RFC 9110 12.4.2): "0" to "1" with at most three digits behind the point. */
static bool qvalue_read(struct span text, uint16_t *ret_permille)
{
	unsigned permille = 0, weight = Q_MAX;

	if (text.len == 0 || text.len > 5 || (text.len > 1 && text.at[1] != '.'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (i == 1)
			continue;
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		permille += (unsigned)(text.at[i] - '0') * weight;
		weight /= 10;
	}
	*ret_permille = (uint16_t)permille;
	return permille <= Q_MAX;
}

/* What stands behind the name's ';'. */
static bool weight_read(struct span text, uint16_t *ret_permille)
{
	struct span q = span_trim(text);

	return span_ieq(span_first(q, 2), SPAN_LIT("q=")) &&
	       qvalue_read(span_from(q, 2), ret_permille);
}

static void element_note(struct span element, uint16_t said[N_NAMES])
{
	size_t semicolon = span_find(element, ';');
	size_t name = name_lookup(span_trim(span_first(element, semicolon)));
	uint16_t permille = Q_MAX;

	if (name == N_NAMES ||
	    (semicolon < element.len && !weight_read(span_from(element, semicolon + 1), &permille)))
		return;
	said[name] = MIN(said[name], permille);
}

static void line_note(struct span line, uint16_t said[N_NAMES])
{
	struct span element;

	while (span_cut(&line, ',', &element))
		element_note(element, said);
}

static uint16_t q_of(enum http_coding coding, const uint16_t said[N_NAMES])
{
	if (said[coding] != Q_UNSAID)
		return said[coding];
	if (said[STAR] != Q_UNSAID)
		return said[STAR];
	return coding == HTTP_CODING_IDENTITY;
}

void accept_encoding_read(const struct http_head *request, struct accept_encoding *ret_accept)
{
	struct accept_encoding accept = { .said = false };
	uint16_t said[N_NAMES];

	for (size_t i = 0; i < N_NAMES; i++)
		said[i] = Q_UNSAID;
	for (uint16_t i = 0; i < request->n_fields; i++) {
		if (request->fields[i].id != HTTP_NAME_ACCEPT_ENCODING)
			continue;
		accept.said = true;
		line_note(request->fields[i].value, said);
	}
	for (size_t i = 0; i < HTTP_N_CODINGS; i++) {
		accept.q_permille[i] = q_of((enum http_coding)i, said);
		if (accept.q_permille[i])
			accept.takes |= HTTP_CODING_BIT(i);
	}
	*ret_accept = accept;
}

static size_t put(char *text, size_t n, struct span word)
{
	MUST(n + 1 + word.len < ACCEPT_ENCODING_TEXT_BYTES);
	if (n)
		text[n++] = ',';
	memcpy(text + n, word.at, word.len);
	return n + word.len;
}

struct span accept_encoding_text(const struct accept_encoding *accept, unsigned among,
				 char text[ACCEPT_ENCODING_TEXT_BYTES])
{
	size_t n = 0;

	for (size_t i = 0; i < HTTP_CODING_IDENTITY; i++) {
		if (accept->takes & among & HTTP_CODING_BIT(i))
			n = put(text, n, names[i]);
	}
	if (!(accept->takes & HTTP_CODING_BIT(HTTP_CODING_IDENTITY)))
		n = put(text, n, SPAN_LIT("identity;q=0"));
	text[n] = '\0';
	return span_of(text, n);
}
