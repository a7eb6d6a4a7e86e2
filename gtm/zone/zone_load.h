/* SPDX-License-Identifier: Apache-2.0
 *
 * zone_load: reads an ordinary zone file (RFC 1035 5) through ldns. The only file that knows ldns.
 * Control thread or pool: it blocks.
 */
#pragma once

#include "core/buf.h"
#include "gtm/zone/zone.h"

struct zone_steer_name {
	const char *name;
	int32_t index;
};

/* Every fault of the file is appended to `errors` as "file:line: text"; with any, -EINVAL. -ENOENT
 * and other -errno: the file cannot be read (it is said there too). -ENOMEM. */
int zone_load(const char *path, const char *origin, const struct zone_steer_name *steer,
	      size_t n_steer, struct buf *errors, struct zone **ret_zone);
