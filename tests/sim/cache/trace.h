/* SPDX-License-Identifier: Apache-2.0
 *
 * trace: who asks for what, made from a seed: popularity by Zipf, with one-hit wonders, scans,
 * loops and shifts of what is popular mixed in, and sizes of objects as the web has them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct trace {
	uint32_t *ids; /* owned, n of them: objects are numbered from 0 */
	size_t n;
	uint32_t *sizes; /* owned: of each object, in bytes */
	uint32_t n_objects;
	uint64_t footprint_bytes; /* of all that are asked for */
};

struct trace_family {
	const char *name;
	double alpha;         /* of Zipf */
	uint32_t n_popular;   /* objects that it draws from */
	uint32_t wonders_pct; /* of requests: for something that nobody asks for again */
	uint32_t scan_every;  /* requests between two scans; 0: none */
	uint32_t scan_len;    /* objects in a row, asked for once each scan */
	uint32_t shift_every; /* requests until a part of what is popular changes; 0: never */
	uint32_t loop_len; /* objects that are asked for round and round, by a tenth of requests */
	int mixed;         /* it is what a cache meets: the shipped policy must win here */
};

/* Ends with .name NULL. */
extern const struct trace_family trace_families[];

/* Aborts without memory. */
void trace_make(const struct trace_family *family, size_t n_requests, uint64_t seed,
		struct trace *ret_trace);
void trace_free(struct trace *trace);
