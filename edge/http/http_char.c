/* SPDX-License-Identifier: Apache-2.0
 *
 * http_char: the table behind http_char.h. What is not listed (controls, DEL) may stand nowhere.
 */
#include "edge/http/http_char.h"

#define T HTTP_CHAR_TOKEN
#define L HTTP_CHAR_LOWER
#define V HTTP_CHAR_VALUE
#define G HTTP_CHAR_TARGET
#define X HTTP_CHAR_HEX
#define N HTTP_CHAR_NAME

/* clang-format off */
const uint8_t http_chars[256] = {
	['\t'] = V, [' '] = V,
	['!'] = T | L | V | G, ['"'] = V | G, ['#'] = T | L | V,
	['$' ... '\''] = T | L | V | G,
	['(' ... ')'] = V | G,
	['*' ... '+'] = T | L | V | G, [','] = V | G,
	['-'] = T | L | V | G | N, ['.'] = T | L | V | G, ['/'] = V | G,
	['0' ... '9'] = T | L | V | G | X | N,
	[':' ... '@'] = V | G,
	['A' ... 'F'] = T | V | G | X | N, ['G' ... 'Z'] = T | V | G | N,
	['[' ... ']'] = V | G,
	['^' ... '`'] = T | L | V | G,
	['a' ... 'f'] = T | L | V | G | X | N, ['g' ... 'z'] = T | L | V | G | N,
	['{'] = V | G, ['|'] = T | L | V | G, ['}'] = V | G, ['~'] = T | L | V | G,
	[0x80 ... 0xff] = V | G,
};
/* clang-format on */
