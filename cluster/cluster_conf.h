/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster_conf: the sections `node` and `cluster`, which are the same in all programs, bound to
 * struct node_conf and struct cluster_conf.
 */
#pragma once

#include "cluster/cluster.h"
#include "core/conf.h"

extern const struct conf_section node_section;    /* struct node_conf */
extern const struct conf_section cluster_section; /* struct cluster_conf */

/* What a table cannot say: names of members and regions, addresses that others cannot reach. Adds
 * to conf's errors. */
void node_section_check(struct conf *conf, const struct node_conf *node);
void cluster_section_check(struct conf *conf, const struct cluster_conf *cluster);
