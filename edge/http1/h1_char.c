/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_char: the table behind h1_char.h. What is not listed (controls, DEL) may stand nowhere.
 */
#include "edge/http1/h1_char.h"

#define T H1_TOKEN
#define V H1_VALUE
#define G H1_TARGET
#define H H1_HOST

/* clang-format off */
const uint8_t h1_chars[256] = {
	['\t'] = V, [' '] = V,
	['!'] = T | V | G, ['"'] = V | G, ['#'] = T | V,
	['$' ... '\''] = T | V | G,
	['(' ... ')'] = V | G,
	['*' ... '+'] = T | V | G, [','] = V | G,
	['-' ... '.'] = T | V | G | H, ['/'] = V | G,
	['0' ... '9'] = T | V | G | H,
	[':' ... '@'] = V | G,
	['A' ... 'Z'] = T | V | G | H,
	['[' ... ']'] = V | G,
	['^'] = T | V | G, ['_'] = T | V | G | H, ['`'] = T | V | G,
	['a' ... 'z'] = T | V | G | H,
	['{'] = V | G, ['|'] = T | V | G, ['}'] = V | G, ['~'] = T | V | G | H,
	[0x80 ... 0xff] = V,
};
/* clang-format on */
