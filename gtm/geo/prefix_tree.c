/* SPDX-License-Identifier: Apache-2.0
 *
 * prefix_tree: see the header. Nodes lie in one array in the order in which they were joined; a
 * reference with its high bit set is a leaf and holds its value. The jump table over the first 16
 * bits turns the top of every walk, where all queries would miss the cache alike, into one load.
 */
#include "gtm/geo/prefix_tree.h"

#include "core/error.h"
#include "core/obj.h"

enum { JUMP_BITS = 16, JUMP_SIZE = 1 << JUMP_BITS, FIRST_NODES = 1024 };
#define LEAF 0x80000000u

struct node {
	uint32_t child[2];
};

struct jump {
	uint32_t ref;
	uint8_t depth; /* of ref: less than 16 when a leaf lies higher */
};

struct prefix_tree {
	uint32_t kind;
	struct node *nodes; /* owned */
	size_t n_nodes, cap, max_nodes;
	struct jump *jumps; /* owned; NULL until finished */
};

#define TREE_KIND OBJ_KIND('p', 't', 'r', 'e')

int prefix_tree_new(size_t max_nodes, struct prefix_tree **ret_tree)
{
	struct prefix_tree *tree = OBJ_NEW(struct prefix_tree, TREE_KIND);

	if (!tree)
		return err_new(-ENOMEM);
	tree->max_nodes = MIN(max_nodes, (size_t)LEAF - 1);
	*ret_tree = tree;
	return 0;
}

void prefix_tree_free(struct prefix_tree *tree)
{
	if (!tree)
		return;
	free(tree->nodes);
	free(tree->jumps);
	OBJ_FREE(tree);
}

prefix_part prefix_tree_leaf(uint32_t value)
{
	MUST(value <= PREFIX_TREE_NONE);
	return (prefix_part){ LEAF | value };
}

static int grow(struct prefix_tree *tree)
{
	if (tree->n_nodes < tree->cap)
		return 0;
	if (tree->n_nodes >= tree->max_nodes)
		return err_new(-ENOBUFS);
	size_t cap = MIN(tree->cap ? tree->cap * 2 : FIRST_NODES, tree->max_nodes);
	struct node *nodes = reallocarray(tree->nodes, cap, sizeof(*nodes));
	if (!nodes)
		return err_new(-ENOMEM);
	tree->nodes = nodes;
	tree->cap = cap;
	return 0;
}

int prefix_tree_join(struct prefix_tree *tree, prefix_part zero, prefix_part one,
		     prefix_part *ret_part)
{
	MUST(!tree->jumps);
	if ((zero.ref & LEAF) && zero.ref == one.ref) {
		*ret_part = zero;
		return 0;
	}
	int r = grow(tree);
	if (r < 0)
		return err_pass(r);
	tree->nodes[tree->n_nodes] = (struct node){ { zero.ref, one.ref } };
	*ret_part = (prefix_part){ (uint32_t)tree->n_nodes++ };
	return 0;
}

/* Walks the bits from..to of a number whose first bit is the highest of `width`. */
static struct jump walk_jump(const struct prefix_tree *tree, uint32_t ref, unsigned bits)
{
	struct jump jump = { .ref = ref };

	while (jump.depth < JUMP_BITS && !(jump.ref & LEAF)) {
		unsigned bit = bits >> (JUMP_BITS - 1 - jump.depth) & 1;
		jump.ref = tree->nodes[jump.ref].child[bit];
		jump.depth++;
	}
	return jump;
}

int prefix_tree_finish(struct prefix_tree *tree, prefix_part root)
{
	MUST(!tree->jumps);
	tree->jumps = calloc(JUMP_SIZE, sizeof(*tree->jumps));
	if (!tree->jumps)
		return err_new(-ENOMEM);
	for (unsigned i = 0; i < JUMP_SIZE; i++)
		tree->jumps[i] = walk_jump(tree, root.ref, i);
	return 0;
}

struct prefix_match prefix_tree_match(const struct prefix_tree *tree, const uint8_t *key,
				      unsigned key_bits)
{
	struct jump at = tree->jumps[key[0] << 8 | key[1]];

	while (!(at.ref & LEAF)) {
		MUST(at.depth < key_bits);
		unsigned bit = key[at.depth / 8] >> (7 - at.depth % 8) & 1;
		at.ref = tree->nodes[at.ref].child[bit];
		at.depth++;
	}
	return (struct prefix_match){ .value = at.ref & ~LEAF, .depth = at.depth };
}

size_t prefix_tree_n_nodes(const struct prefix_tree *tree)
{
	return tree->n_nodes;
}
