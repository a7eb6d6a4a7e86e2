/* SPDX-License-Identifier: Apache-2.0
 *
 * zone_priv: how a zone lies in memory. For zone.c and zone_build.c alone.
 */
#pragma once

#include "core/arena.h"
#include "gtm/zone/zone.h"

struct zone {
	uint32_t kind;
	struct arena arena; /* nodes, names, images */
	struct span apex;
	const struct zone_node **slots; /* owned; mask + 1 of them, a power of two */
	size_t mask, n_nodes;
	bool has_cuts, has_wildcards;
	uint32_t serial;
	const struct rr_image *denial_soa;
};

#define ZONE_KIND OBJ_KIND('z', 'o', 'n', 'e')
