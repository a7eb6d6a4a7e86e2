/* SPDX-License-Identifier: Apache-2.0
 *
 * reject: outcomes of the envelope and the handshake, as reasons.
 */
#include "cluster/wire/reject.h"

#include "core/must.h"

const char *reject_word(enum reject reject)
{
/* clang-format off */
#define X(name, word, help) #word,
	static const char *const words[] = {
#include "cluster/wire/rejects.def"
	};
#undef X
	/* clang-format on */

	MUST((int)reject >= 0 && reject < N_REJECTS);
	return words[reject];
}

enum reject reject_of_seal(int outcome)
{
	switch ((enum seal_outcome)outcome) {
	case SEAL_OTHER_VERSION:
		return REJECT_OTHER_VERSION;
	case SEAL_OTHER_GROUP:
		return REJECT_OTHER_GROUP;
	case SEAL_NO_SECRET:
		return REJECT_NO_SECRET;
	case SEAL_BROKEN:
		return REJECT_BROKEN;
	case SEAL_REPLAYED:
		return REJECT_REPLAYED;
	case SEAL_OK:
	case SEAL_MALFORMED:
		break;
	}
	return REJECT_MALFORMED;
}

enum reject reject_of_handshake(int outcome)
{
	switch ((enum handshake_outcome)outcome) {
	case HANDSHAKE_OTHER_GROUP:
		return REJECT_OTHER_GROUP;
	case HANDSHAKE_NO_SECRET:
		return REJECT_NO_SECRET;
	case HANDSHAKE_CERTIFICATE:
		return REJECT_CERTIFICATE;
	case HANDSHAKE_FORGED:
		return REJECT_FORGED;
	case HANDSHAKE_OURSELVES:
		return REJECT_OURSELVES;
	case HANDSHAKE_OTHER_SESSION:
		return REJECT_UNASKED;
	case HANDSHAKE_OK:
	case HANDSHAKE_MALFORMED:
		break;
	}
	return REJECT_MALFORMED;
}

int reject_hint(enum reject reject)
{
	if (reject == REJECT_OTHER_GROUP)
		return SEAL_HINT_GROUP;
	if (reject == REJECT_NO_SECRET)
		return SEAL_HINT_SECRET;
	return reject == REJECT_CERTIFICATE ? SEAL_HINT_CERTIFICATE : 0;
}
