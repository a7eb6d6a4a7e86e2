/* SPDX-License-Identifier: Apache-2.0
 *
 * prefix_tree: prefixes to small numbers, one longest-prefix match a query.
 *
 * A binary trie over the address bits, made from the leaves up: joining two leaves of one value
 * gives one leaf, so the finished tree is disjoint and minimal, and a leaf's depth is the shortest
 * prefix around the client inside which nothing differs: the ECS scope. The first 16 bits are one
 * table look-up. Built by one thread; then read by any.
 */
#pragma once

#include "core/span.h"

struct prefix_tree;

/* `max_nodes` bounds its memory (8 bytes a node). Errors: -ENOMEM. */
int prefix_tree_new(size_t max_nodes, struct prefix_tree **ret_tree);
void prefix_tree_free(struct prefix_tree *tree); /* NULL is fine */

/* A part of a tree being made: a leaf, or an inner node with all below it. */
typedef struct {
	uint32_t ref;
} prefix_part;

enum { PREFIX_TREE_MAX_VALUE = 0x7ffffffe, PREFIX_TREE_NONE = 0x7fffffff };

prefix_part prefix_tree_leaf(uint32_t value); /* PREFIX_TREE_NONE: nothing is known there */
/* `zero` and `one`: what lies where the next bit is 0 and 1. Errors: -ENOMEM, -ENOBUFS (max_nodes).
 */
int prefix_tree_join(struct prefix_tree *tree, prefix_part zero, prefix_part one,
		     prefix_part *ret_part);
/* The whole; after it the tree is only read. Errors: -ENOMEM. */
int prefix_tree_finish(struct prefix_tree *tree, prefix_part root);

struct prefix_match {
	uint32_t value; /* or PREFIX_TREE_NONE */
	uint8_t depth;  /* bits of the leaf that was met */
};
/* `key` has key_bits / 8 bytes; a tree is never deeper than its keys. */
struct prefix_match prefix_tree_match(const struct prefix_tree *tree, const uint8_t *key,
				      unsigned key_bits);
size_t prefix_tree_n_nodes(const struct prefix_tree *tree);
