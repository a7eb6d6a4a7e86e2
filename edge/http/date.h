/* SPDX-License-Identifier: Apache-2.0
 *
 * date: a moment as HTTP writes it (IMF-fixdate, RFC 9110 5.6.7), and as it reads it: also in the
 * two old forms.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/span.h"

enum { HTTP_DATE_BYTES = 29 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Into `text` (HTTP_DATE_BYTES + 1, NUL-terminated). Years 0 to 9999; others give the nearest. */
struct span http_date(int64_t wall_s, char text[HTTP_DATE_BYTES + 1]);

/* Any of the three forms (RFC 9110 5.6.7), the spaces as they are written there; names of days and
 * months, and GMT, in any case, for that cannot be misread. A year of two digits is of the last
 * hundred years, or at most 50 after `now_s`. False: it is none. */
bool http_date_parse(struct span text, int64_t now_s, int64_t *ret_wall_s);

/* The Date of this second, composed once. Zeroed at first. */
struct http_date_cache {
	int64_t at_s;
	char text[HTTP_DATE_BYTES + 1];
};
struct span http_date_now(struct http_date_cache *cache, int64_t wall_s);
