/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_admin: the edge's own pages on the operator's port: GET /status, POST /drain, POST /purge.
 */
#pragma once

#include "edge/control.h"

/* Errors: -ENOMEM. */
int edge_admin_pages(struct admin *admin, struct control *control);
