/* SPDX-License-Identifier: Apache-2.0
 *
 * table: the only way to include uthash. Out of memory is reported and not fatal (the item is
 * then not in the table: look at TABLE_ADD's result), and the hash is keyed with a secret of this
 * process, so that a stranger cannot choose colliding names.
 *
 *     struct thing { UT_hash_handle hh; char *name; };
 *     struct thing *things = NULL, *found;
 *     TABLE_FIND(things, span_str("a"), found);
 *     if (!TABLE_ADD(things, span_str(t->name), t)) return err_new(-ENOMEM);
 */
#pragma once

#include "core/hash.h"

#define HASH_FUNCTION(keyptr, keylen, hashv)                                                       \
	((hashv) = (unsigned)hash_keyed(span_of((keyptr), (keylen))))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* The key is borrowed and must live as long as the item; it must not be changed in the table. */
#define TABLE_ADD(head, key, item)                                                                 \
	({                                                                                         \
		struct span table_key_ = (key);                                                    \
		HASH_ADD_KEYPTR(hh, head, table_key_.at, table_key_.len, item);                    \
		(item)->hh.tbl != NULL;                                                            \
	})
#define TABLE_FIND(head, key, ret_item)                                                            \
	do {                                                                                       \
		struct span table_key_ = (key);                                                    \
		HASH_FIND(hh, head, table_key_.at, table_key_.len, ret_item);                      \
	} while (0)
#define TABLE_DELETE(head, item) HASH_DELETE(hh, head, item)
#define TABLE_COUNT(head)        HASH_COUNT(head)
/* Safe against deletion of the item at hand. */
#define TABLE_FOREACH(head, item, next) HASH_ITER(hh, head, item, next)
