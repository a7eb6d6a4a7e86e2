/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_char: the names by which http1/ calls the kinds of edge/http/http_char.h.
 */
#pragma once

#include "edge/http/http_char.h"

enum {
	H1_TOKEN = HTTP_CHAR_TOKEN,
	H1_VALUE = HTTP_CHAR_VALUE,
	H1_TARGET = HTTP_CHAR_TARGET,
};

#define h1_char_is  http_char_is
#define h1_all      http_all
#define h1_is_token http_is_token
