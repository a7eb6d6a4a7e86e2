/* SPDX-License-Identifier: Apache-2.0
 *
 * date: written by hand, for strftime() asks the locale for the names.
 */
#include "edge/http/date.h"

#include <stdio.h>
#include <time.h>

#include "core/obj.h"

static const char day_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* The first and the last second that four digits of year can say. */
#define FIRST_S INT64_C(-62167219200)
#define LAST_S  INT64_C(253402300799)

struct span http_date(int64_t wall_s, char text[HTTP_DATE_BYTES + 1])
{
	time_t t = (time_t)MAX(FIRST_S, MIN(LAST_S, wall_s));
	struct tm tm;
	char out[96]; /* what gcc fears that the numbers could need */

	MUST(gmtime_r(&t, &tm) == &tm);
	snprintf(out, sizeof(out), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		 day_names + (ptrdiff_t)3 * tm.tm_wday, tm.tm_mday,
		 month_names + (ptrdiff_t)3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
	memcpy(text, out, HTTP_DATE_BYTES);
	text[HTTP_DATE_BYTES] = 0;
	return span_of(text, HTTP_DATE_BYTES);
}

struct span http_date_now(struct http_date_cache *cache, int64_t wall_s)
{
	if (wall_s != cache->at_s || !cache->text[0]) {
		http_date(wall_s, cache->text);
		cache->at_s = wall_s;
	}
	return span_of(cache->text, HTTP_DATE_BYTES);
}

/* ---- reading -----------------------------------------------------------------------------------
 */

/* What is left of the text, and whether all of it so far was right. */
struct reader {
	struct span left;
	bool ok;
};

static void expect(struct reader *reader, const char *word)
{
	struct span text = span_str(word);

	reader->ok &= span_ieq(span_first(reader->left, text.len), text);
	reader->left = span_from(reader->left, text.len);
}

/* Exactly so many digits. */
static int number(struct reader *reader, size_t n_digits)
{
	int value = 0;

	for (size_t i = 0; i < n_digits; i++) {
		bool is_digit = i < reader->left.len && reader->left.at[i] >= '0' &&
				reader->left.at[i] <= '9';
		reader->ok &= is_digit;
		value = is_digit ? value * 10 + (reader->left.at[i] - '0') : 0;
	}
	reader->left = span_from(reader->left, n_digits);
	return value;
}

/* The place of a name of three letters in `names`. */
static int name_of_three(struct reader *reader, const char *names)
{
	for (int i = 0; names[i * (ptrdiff_t)3]; i++) {
		if (span_ieq(span_first(reader->left, 3), span_of(names + i * (ptrdiff_t)3, 3))) {
			reader->left = span_from(reader->left, 3);
			return i;
		}
	}
	reader->ok = false;
	return 0;
}

static void time_of_day(struct reader *reader, struct tm *tm)
{
	tm->tm_hour = number(reader, 2);
	expect(reader, ":");
	tm->tm_min = number(reader, 2);
	expect(reader, ":");
	tm->tm_sec = number(reader, 2);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static void imf_fixdate(struct reader *reader, struct tm *tm)
{
	name_of_three(reader, day_names);
	expect(reader, ", ");
	tm->tm_mday = number(reader, 2);
	expect(reader, " ");
	tm->tm_mon = name_of_three(reader, month_names);
	expect(reader, " ");
	tm->tm_year = number(reader, 4) - 1900;
	expect(reader, " ");
	time_of_day(reader, tm);
	expect(reader, " GMT");
}

/* RFC 9110 5.6.7: more than 50 years in the future means the century before. */
static int full_year(int two_digits, int64_t now_s)
{
	time_t now = (time_t)now_s;
	struct tm tm;

	MUST(gmtime_r(&now, &tm) == &tm);
	int this_year = tm.tm_year + 1900, year = this_year - this_year % 100 + two_digits;
	return year > this_year + 50 ? year - 100 : year;
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static void rfc850_date(struct reader *reader, int64_t now_s, struct tm *tm)
{
	size_t comma = span_find(reader->left, ',');

	reader->left = span_from(reader->left, comma);
	expect(reader, ", ");
	tm->tm_mday = number(reader, 2);
	expect(reader, "-");
	tm->tm_mon = name_of_three(reader, month_names);
	expect(reader, "-");
	tm->tm_year = full_year(number(reader, 2), now_s) - 1900;
	expect(reader, " ");
	time_of_day(reader, tm);
	expect(reader, " GMT");
}

/* Sun Nov  6 08:49:37 1994 */
static void asctime_date(struct reader *reader, struct tm *tm)
{
	name_of_three(reader, day_names);
	expect(reader, " ");
	tm->tm_mon = name_of_three(reader, month_names);
	expect(reader, " ");
	if (span_starts(reader->left, SPAN_LIT(" "))) {
		expect(reader, " ");
		tm->tm_mday = number(reader, 1);
	} else {
		tm->tm_mday = number(reader, 2);
	}
	expect(reader, " ");
	time_of_day(reader, tm);
	expect(reader, " ");
	tm->tm_year = number(reader, 4) - 1900;
}

static bool is_long_day(struct span text)
{
	static const char *const days[] = { "Sunday,",   "Monday,", "Tuesday,", "Wednesday,",
					    "Thursday,", "Friday,", "Saturday," };

	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		if (span_starts(text, span_str(days[i])))
			return true;
	}
	return false;
}

/* timegm() takes the 31st of June for the 1st of July. */
static bool is_of_the_calendar(const struct tm *said, time_t t)
{
	struct tm tm;

	return gmtime_r(&t, &tm) && tm.tm_mday == said->tm_mday && tm.tm_mon == said->tm_mon &&
	       said->tm_hour <= 23 && said->tm_min <= 59 && said->tm_sec <= 60;
}

bool http_date_parse(struct span text, int64_t now_s, int64_t *ret_wall_s)
{
	struct reader reader = { text, true };
	struct tm tm = { .tm_mday = 0 };

	if (span_find(text, ',') == 3)
		imf_fixdate(&reader, &tm);
	else if (is_long_day(text))
		rfc850_date(&reader, now_s, &tm);
	else
		asctime_date(&reader, &tm);
	if (!reader.ok || reader.left.len)
		return false;
	struct tm normal = tm;
	if (normal.tm_sec == 60)
		normal.tm_sec = 59; /* a leap second has no number of its own */
	time_t t = timegm(&normal);
	*ret_wall_s = t;
	return is_of_the_calendar(&tm, t);
}
