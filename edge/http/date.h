/* SPDX-License-Identifier: Apache-2.0
 *
 * date: a moment as HTTP writes it (IMF-fixdate, RFC 9110 5.6.7).
 */
#pragma once

#include <stdint.h>

#include "core/span.h"

enum { HTTP_DATE_BYTES = 29 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Into `text` (HTTP_DATE_BYTES + 1, NUL-terminated). Years 0 to 9999; others give the nearest. */
struct span http_date(int64_t wall_s, char text[HTTP_DATE_BYTES + 1]);
