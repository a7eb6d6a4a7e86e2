/* SPDX-License-Identifier: Apache-2.0
 *
 * state: a sorted array of facts. A member has few and reads are by key, so nothing cleverer pays.
 */
#include "cluster/state/state.h"

#include <stdlib.h>

#include "core/error.h"
#include "core/obj.h"

int fact_compare(const struct swim_fact *a, const struct swim_fact *b)
{
	if (a->generation != b->generation)
		return a->generation < b->generation ? -1 : 1;
	return a->version < b->version ? -1 : a->version > b->version;
}

bool fact_same(const struct swim_fact *a, const struct swim_fact *b)
{
	return fact_compare(a, b) == 0 &&
	       memcmp(a->signature, b->signature, SWIM_SIGNATURE_BYTES) == 0;
}

static void fact_free(struct fact *fact)
{
	spread_remove(&fact->item);
	free(fact->bytes);
	free(fact);
}

static void facts_empty(struct facts *facts)
{
	for (size_t i = 0; i < facts->n; i++)
		fact_free(facts->all[i]);
	facts->n = 0;
	facts->n_bytes = 0;
}

void facts_fini(struct facts *facts)
{
	facts_empty(facts);
	free(facts->all);
	*facts = (struct facts){ 0 };
}

/* Where the key is, or would be. */
static size_t place_of(const struct facts *facts, uint32_t key)
{
	size_t i = 0;

	while (i < facts->n && facts->all[i]->said.key < key)
		i++;
	return i;
}

struct fact *facts_find(const struct facts *facts, uint32_t key)
{
	size_t i = place_of(facts, key);

	return i < facts->n && facts->all[i]->said.key == key ? facts->all[i] : NULL;
}

enum facts_outcome facts_look(const struct facts *facts, const struct swim_fact *said)
{
	if (said->generation != facts->generation)
		return said->generation < facts->generation ? FACTS_OLD : FACTS_NEW;

	const struct fact *fact = facts_find(facts, said->key);
	if (fact)
		return fact_compare(said, &fact->said) > 0 ? FACTS_NEW : FACTS_OLD;
	return facts->n < SWIM_MAX_FACTS ? FACTS_NEW : FACTS_FULL;
}

static int fact_add(struct facts *facts, uint32_t key, struct fact **ret_fact)
{
	if (!facts->all) {
		facts->all = calloc(SWIM_MAX_FACTS, sizeof(struct fact *));
		if (!facts->all)
			return err_new(-ENOMEM);
	}
	struct fact *fact = calloc(1, sizeof(*fact));
	if (!fact)
		return err_new(-ENOMEM);

	size_t at = place_of(facts, key);
	MUST(facts->n < SWIM_MAX_FACTS);
	memmove(&facts->all[at + 1], &facts->all[at], (facts->n - at) * sizeof(struct fact *));
	facts->all[at] = fact;
	facts->n++;
	*ret_fact = fact;
	return 0;
}

int facts_put(struct facts *facts, const struct swim_fact *said, struct fact **ret_fact)
{
	enum facts_outcome outcome = facts_look(facts, said);

	if (outcome != FACTS_NEW)
		return outcome;

	CLEANUP(free_drop) uint8_t *bytes = malloc(MAX(said->bytes.len, (size_t)1));
	if (!bytes)
		return err_new(-ENOMEM);
	if (said->bytes.len)
		memcpy(bytes, said->bytes.at, said->bytes.len);

	if (said->generation > facts->generation)
		facts_empty(facts);
	struct fact *fact = facts_find(facts, said->key);
	int r = fact ? 0 : fact_add(facts, said->key, &fact);
	if (r < 0)
		return err_pass(r);

	MUST(fact);
	facts->generation = said->generation;
	facts->n_bytes += said->bytes.len - fact->said.bytes.len;
	free(fact->bytes);
	fact->said = *said;
	fact->bytes = TAKE(bytes);
	fact->said.bytes = span_of(fact->bytes, said->bytes.len);
	*ret_fact = fact;
	return FACTS_NEW;
}
