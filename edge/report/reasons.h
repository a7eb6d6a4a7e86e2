/* SPDX-License-Identifier: Apache-2.0
 *
 * reasons: why an exchange ended or a connection was closed; reasons.def is the one list.
 */
#pragma once

#include <stdint.h>

/* clang-format off */
enum close_reason {
#define X(ID, word, status, help) REASON_##ID,
#include "edge/report/reasons.def"
#undef X
	REASON_N
};
/* clang-format on */

const char *reason_word(enum close_reason reason); /* "origin-closed" */
unsigned reason_status(enum close_reason reason);  /* 502; 0: nobody to tell */
const char *reason_help(enum close_reason reason);
