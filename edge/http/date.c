/* SPDX-License-Identifier: Apache-2.0
 *
 * date: written by hand, for strftime() asks the locale for the names.
 */
#include "edge/http/date.h"

#include <stdio.h>
#include <time.h>

#include "core/obj.h"

/* The first and the last second that four digits of year can say. */
#define FIRST_S INT64_C(-62167219200)
#define LAST_S  INT64_C(253402300799)

struct span http_date(int64_t wall_s, char text[HTTP_DATE_BYTES + 1])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)MAX(FIRST_S, MIN(LAST_S, wall_s));
	struct tm tm;
	char out[96]; /* what gcc fears that the numbers could need */

	MUST(gmtime_r(&t, &tm) == &tm);
	snprintf(out, sizeof(out), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		 days + (ptrdiff_t)3 * tm.tm_wday, tm.tm_mday, months + (ptrdiff_t)3 * tm.tm_mon,
		 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
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
