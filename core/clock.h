/* SPDX-License-Identifier: Apache-2.0
 *
 * clock: monotonic time as a type of its own, so that it cannot be added to a wall time or a
 * length by mistake. Durations are plain integers with their unit in the name.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct {
	int64_t ns;
} mono_t;

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)
#define MS_PER_S  INT64_C(1000)

#define MONO_NEVER ((mono_t){ INT64_MAX })
#define MONO_ZERO  ((mono_t){ 0 })

/* For measuring alone; everything else asks loop_now(). Any thread. */
static inline mono_t mono_read(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (mono_t){ (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec };
}

static inline mono_t mono_add_ms(mono_t t, int64_t ms)
{
	return (mono_t){ t.ns + ms * NS_PER_MS };
}

static inline mono_t mono_add_us(mono_t t, int64_t us)
{
	return (mono_t){ t.ns + us * NS_PER_US };
}

/* later - earlier, rounded down. */
static inline int64_t mono_diff_ms(mono_t later, mono_t earlier)
{
	return (later.ns - earlier.ns) / NS_PER_MS;
}

static inline int64_t mono_diff_us(mono_t later, mono_t earlier)
{
	return (later.ns - earlier.ns) / NS_PER_US;
}

static inline bool mono_before(mono_t a, mono_t b)
{
	return a.ns < b.ns;
}

static inline mono_t mono_min(mono_t a, mono_t b)
{
	return a.ns < b.ns ? a : b;
}

static inline mono_t mono_max(mono_t a, mono_t b)
{
	return a.ns > b.ns ? a : b;
}
