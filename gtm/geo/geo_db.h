/* SPDX-License-Identifier: Apache-2.0
 *
 * geo_db: a MaxMind database, as geo.c needs it: every network once, and the place of a record. The
 * only file that knows libmaxminddb. Control thread or pool.
 */
#pragma once

#include "gtm/geo/client_net.h"
#include "gtm/geo/place.h"
#include "gtm/geo/prefix_tree.h"

struct geo_db;

/* `country_path` as in struct geo_conf. Errors: -ENOENT, -EINVAL, -ENOMEM; *ret_why then says it
 * for people (static). */
int geo_db_open(const char *path, const char *const *country_path, struct geo_db **ret_db,
		const char **ret_why);
void geo_db_close(struct geo_db *db); /* NULL is fine */

struct geo_record {
	struct geo_place place;
	char country[3];
};

/* Gives each distinct record its value, once; then the tree has that value wherever the record
 * stands. */
typedef int (*geo_value_fn)(const struct geo_record *record, void *arg, uint32_t *ret_value);

/* Folds the IPv4 (or IPv6) networks into a new, finished tree. Errors: those of value(), -EINVAL
 * (the database is damaged), -ENOMEM. */
int geo_db_fold(const struct geo_db *db, bool v4, geo_value_fn value, void *arg,
		struct prefix_tree **ret_tree);
/* The record of one client. False: none. */
bool geo_db_find(const struct geo_db *db, const struct client_net *client,
		 struct geo_record *ret_record);
