/* SPDX-License-Identifier: Apache-2.0
 *
 * reject: why something from outside was dropped: one list for counters and log lines.
 */
#pragma once

#include "cluster/wire/handshake.h"

/* clang-format off */
#define X(name, word, help) REJECT_##name,
enum reject {
#include "cluster/wire/rejects.def"
	N_REJECTS
};
#undef X
/* clang-format on */

const char *reject_word(enum reject reject);
enum reject reject_of_seal(int outcome);      /* not of SEAL_OK */
enum reject reject_of_handshake(int outcome); /* not of HANDSHAKE_OK */
/* What the one who greeted may be told; 0: nothing. */
int reject_hint(enum reject reject);
