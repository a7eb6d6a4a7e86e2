/* SPDX-License-Identifier: Apache-2.0
 *
 * swim_conf: every number by which a group lives, named, with the values for a group within a
 * region and for one over the world. The simulator chose them: docs/mechanism/gossip.md.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct swim_conf {
	/* Probes. */
	uint32_t probe_period_ms;
	uint32_t probe_timeout_min_ms; /* 3 x the member's smoothed round trip, between these */
	uint32_t probe_timeout_max_ms;
	uint32_t n_helpers;         /* asked to probe in our place */
	uint32_t confirm_members;   /* of n members so many probe a new suspect at once */
	uint32_t max_awareness;     /* our own ill health stretches periods by 1 + up to so much */
	uint32_t n_watched;         /* TCP lines kept to learn of a crash at once */
	uint32_t refused_observers; /* so many were refused: dead at once */

	/* Suspicion. */
	uint32_t suspicion_min_ms;        /* the least, at any size */
	uint32_t suspicion_per_decade_ms; /* the least is also this x log10 n … */
	uint32_t suspicion_decades_min;   /* … with log10 n at least that */
	uint32_t suspicion_max_factor;    /* the most, in leasts */
	uint32_t suspicion_confirmations; /* bring the most down to the least */
	uint32_t credit_ms; /* an accuser who was refuted does not confirm for so long */
	uint32_t
		old_news_ms; /* a death that old, of one who lives for us, is told to the accused */

	/* Spreading. */
	uint32_t gossip_period_ms;
	uint32_t gossip_fanout;
	uint32_t spread_factor; /* each rider goes out this x log10(n + 1) times, rounded up */

	/* Anti-entropy. */
	uint32_t sync_period_ms; /* up to 32 members; so much more for each doubling */
	uint32_t sync_max_bytes; /* in answer to one opening; the next goes on */
	uint32_t join_retry_ms;  /* while alone */
	uint32_t redial_min_ms;  /* the dead, and seeds that are not among the living */
	uint32_t redial_max_ms;
	uint32_t redial_spacing_ms; /* over all of them */
	uint32_t tombstone_s;       /* the dead and the left are remembered */
	uint64_t max_state_bytes;   /* all facts of the others together */
};

extern const struct swim_conf swim_conf_region;
extern const struct swim_conf swim_conf_wan;

/* NULL, or the name of the first number that cannot be lived by. */
const char *swim_conf_wrong(const struct swim_conf *conf);

/* With n members, ourselves among them. */
uint32_t swim_suspicion_min_ms(const struct swim_conf *conf, size_t n);
uint32_t swim_sync_period_ms(const struct swim_conf *conf, size_t n);
uint32_t swim_spread_times(const struct swim_conf *conf, size_t n);
