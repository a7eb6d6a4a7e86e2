/* SPDX-License-Identifier: Apache-2.0
 *
 * sim: the shipped core of cluster/swim under a virtual clock and a seeded network. One seed is one
 * run, and the same seed is the same run.
 *
 *     world.c     hosts and their lives: what a process, a kernel and a disk would do around the
 * core net.c       the heap of what is to come; links with delay, loss, doubling, cuts forge.c
 * cheap signatures, and somebody who makes false ones check.c     what must always be true, and
 * what must be true in the end scenario.c  what happens in a run sim.c       the program
 */
#pragma once

#include <stdio.h>

#include "cluster/swim/swim.h"
#include "core/rng.h"

enum { MAX_HOSTS = 1024, N_KEYS = 2, MAX_HELD = 256, KILL_SAMPLES = 65536 };

/* What a mutation breaks, on purpose and outside of the shipped code. */
/* clang-format off */
#define BREAKS(X) \
	X(NOTHING,     "nothing")      \
	X(REFUTATIONS, "refutations")  /* the network swallows them                                */ \
	X(SIGNATURES,  "signatures")   /* every signature verifies                                 */ \
	X(EVIDENCE,    "evidence")     /* no kernel ever refuses a connection                      */ \
	X(ACCUSERS,    "accusers")     /* two with good keys accuse the healthy                    */ \
	X(REDIAL,      "redial")       /* the dead cannot be called                                */ \
	X(STORE,       "store")        /* a running member falls back to what it knew at its start */ \
	X(DISK,        "disk")         /* an old disk, and nobody may tell it                      */ \
	X(GOSSIP,      "gossip")       /* facts do not travel                                      */
/* clang-format on */
enum breakage {
#define X(NAME, word) BREAK_##NAME,
	BREAKS(X)
#undef X
};

enum invariant {
	KEPT = 0,
	FALSE_DEATH,    /* a live, connected member was declared dead without loss */
	DISAGREEMENT,   /* views are not equal within the bound after faults have stopped */
	WENT_BACK,      /* an incarnation or a fact's version */
	FORGERY,        /* something that its owner never said was believed */
	LATE_DETECTION, /* a killed member was not known to all within the bound */
	NOT_HEALED,     /* views are not equal within the bound after a split has ended */
};
const char *invariant_name(enum invariant invariant);

/* What a host holds of another, for WENT_BACK. */
struct seen {
	uint64_t incarnation, sequence[N_KEYS];
};

struct held { /* came in while the process was stopped */
	struct swim_event event;
	struct swim_message *message; /* owned; NULL: none */
};

struct host {
	struct swim *swim;
	struct member_id id;
	struct addr addr;
	uint8_t certificate[24];
	bool running, stopped; /* the process: there; under SIGSTOP */
	bool unplugged;        /* the machine: nothing goes in or out */
	int side;              /* of a split */
	bool lost_disk;        /* once: till it knows of its past, its past may win */
	uint32_t life;         /* counts processes */
	uint64_t disk_incarnation;
	mono_t timer_at;
	mono_t troubled_at; /* the last time that something befell it */
	mono_t began_at;
	struct swim_keep_line kept[SWIM_MAX_KEPT];
	size_t n_kept;
	uint64_t sequence[N_KEYS]; /* of what it has published, over all lives */
	uint64_t top_incarnation;  /* that it has ever had */
	struct seen *seen;         /* by host; of this life */
	struct held *held;
	size_t n_held;
};

enum coming_kind { COMING_TIMER, COMING_EVENT, COMING_SCRIPT };
struct coming {
	mono_t at;
	uint64_t number; /* among those at one time the first made is first */
	enum coming_kind kind;
	size_t host;
	uint32_t life; /* of a process that has ended: not delivered; 0: any */
	struct swim_event event;
	struct swim_message *message; /* owned */
};

struct world {
	uint64_t seed;
	struct rng rng;
	mono_t now;
	struct swim_conf conf;
	enum breakage breakage;
	struct host *hosts;
	size_t n_hosts, n_seeds;

	/* The network. */
	struct coming *heap;
	size_t n_heap, cap_heap;
	uint64_t n_made;
	double loss, doubling, reorder;
	uint32_t max_delay_us;
	bool cut; /* between sides */

	bool lossless; /* no loss so far: FALSE_DEATH is checked */
	enum invariant violated;
	char why[256];
	uint64_t n_steps, n_datagrams, n_streams, datagram_bytes, n_false_deaths;
	bool verbose;
};

/* world.c */
void world_init(struct world *world, uint64_t seed, size_t n_hosts, enum breakage breakage);
void world_fini(struct world *world);
void world_start(struct world *world, size_t host, uint64_t incarnation);
void world_kill(struct world *world, size_t host); /* the kernel closes its lines */
void world_unplug(struct world *world, size_t host);
void world_replug(struct world *world, size_t host);
void world_stop(struct world *world, size_t host);
void world_continue(struct world *world, size_t host);
void world_split(struct world *world); /* every host on a side of its own choice, two of them */
void world_heal(struct world *world);
void world_publish(struct world *world, size_t host, uint32_t key);
void world_leave(struct world *world, size_t host);
/* Runs what comes until then, or until an invariant is violated. */
void world_run(struct world *world, int64_t ms);
/* Gives an event to a host's core and does what it asks. */
void world_step(struct world *world, size_t host, const struct swim_event *event);
size_t world_host_of(const struct world *world, const struct member_id *id);
static inline bool host_up(const struct host *host)
{
	return host->running && !host->unplugged && !host->stopped;
}

/* net.c */
void net_push(struct world *world, struct coming *coming);
bool net_pop(struct world *world, mono_t until, struct coming *ret_coming);
void net_send(struct world *world, size_t from, const struct swim_send *send);
void net_dial(struct world *world, size_t from, const struct swim_keep_line *line);
void net_line_lost(struct world *world, size_t at, size_t lost);
struct swim_message *message_copy(const struct swim_message *message);
int64_t net_delay_us(struct world *world, size_t from, size_t to);

/* forge.c */
void forge_certificate(struct world *world, struct host *host);
const struct swim_env *forge_env(struct world *world, size_t host);
void forge_env_free(const struct swim_env *env);
/* Sends one false message from a host to another. */
void forge_send(struct world *world, size_t from, size_t to);
/* Hosts 0 and 1, or 0 alone, say under their own names that another is dead. */
void forge_accuse(struct world *world, size_t n_accusers, size_t to, size_t accused);
/* The content of facts: what check.c can recognise. */
size_t fact_content(size_t host, uint32_t key, uint64_t sequence, uint8_t at[64]);
bool fact_sequence(struct span bytes, size_t host, uint32_t key, uint64_t *ret_sequence);

/* check.c */
void violate(struct world *world, enum invariant invariant, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void check_step(struct world *world, size_t host, const struct swim_actions *actions);
bool check_agreement(struct world *world, char *why, size_t why_size);
bool check_known_gone(const struct world *world, size_t gone, size_t host);
/* Runs until all agree; later than the bound: violated. Returns ms. */
int64_t check_until_agreed(struct world *world, int64_t bound_ms, enum invariant invariant);

/* scenario.c */
struct samples {
	int64_t *ms;
	size_t n;
};
void samples_add(struct samples *samples, int64_t ms);
struct scenario {
	const char *name;
	const char *what;
	void (*run)(struct world *world, struct samples *samples);
};
extern const struct scenario scenarios[];
extern const size_t n_scenarios;
