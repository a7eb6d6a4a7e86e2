/* SPDX-License-Identifier: Apache-2.0
 *
 * vars: the edge's variables, $client_address and the rest: one table for headers, keys, logs,
 * limits and rewrites. The subject is a struct facts.
 */
#pragma once

#include "core/var.h"
#include "edge/report/facts.h"

extern const struct var_def edge_vars[]; /* ends with .name NULL */
