/* SPDX-License-Identifier: Apache-2.0
 *
 * check: what must be true after each step, and what must be true in the end. It knows the truth,
 * which no member does: who runs, what each has ever said.
 */
#include "sim.h"

#include <stdarg.h>

#include "core/must.h"
#include "core/obj.h"

enum {
	/* After something befell a member, what is on its way may still say so for a while. */
	GRACE_MS = 30000,
	AGREEMENT_STEP_MS = 50,
};

const char *invariant_name(enum invariant invariant)
{
	static const char *const names[] = {
		[KEPT] = "kept",
		[FALSE_DEATH] = "false_death",
		[DISAGREEMENT] = "disagreement",
		[WENT_BACK] = "went_back",
		[FORGERY] = "forgery",
		[LATE_DETECTION] = "late_detection",
		[NOT_HEALED] = "not_healed",
	};

	return names[invariant];
}

void violate(struct world *world, enum invariant invariant, const char *fmt, ...)
{
	va_list args;

	if (world->violated != KEPT)
		return;
	world->violated = invariant;
	va_start(args, fmt);
	vsnprintf(world->why, sizeof(world->why), fmt, args);
	va_end(args);
}

static bool at_peace(const struct world *world, const struct host *host)
{
	return host_up(host) && mono_diff_ms(world->now, host->troubled_at) > GRACE_MS;
}

static void check_change(struct world *world, size_t observer, const struct swim_change *change)
{
	size_t subject = world_host_of(world, &change->id);

	if (world->verbose)
		printf("%9.3f host %zu: host %zu %s -> %s\n", (double)world->now.ns / 1e9 - 1000,
		       observer, subject, change->is_new ? "new" : member_state_name(change->from),
		       member_state_name(change->to));
	if (change->to != MEMBER_DEAD || !at_peace(world, &world->hosts[subject]) ||
	    !at_peace(world, &world->hosts[observer]))
		return;
	world->n_false_deaths++;
	if (world->lossless)
		violate(world, FALSE_DEATH, "host %zu holds host %zu for dead", observer, subject);
}

static void check_facts(struct world *world, size_t observer, const struct member *member,
			size_t owner)
{
	struct seen *seen = &world->hosts[observer].seen[owner];

	for (size_t i = 0; i < member->facts.n; i++) {
		const struct swim_fact *said = &member->facts.all[i]->said;
		uint64_t sequence;

		if (said->key >= N_KEYS ||
		    !fact_sequence(said->bytes, owner, said->key, &sequence) ||
		    sequence > world->hosts[owner].sequence[said->key]) {
			violate(world, FORGERY, "host %zu believes a false fact of host %zu",
				observer, owner);
			return;
		}
		if (sequence < seen->sequence[said->key] && !world->hosts[owner].lost_disk)
			violate(world, WENT_BACK, "at host %zu fact %u of host %zu went back",
				observer, said->key, owner);
		seen->sequence[said->key] = sequence;
	}
}

static void check_member(struct world *world, size_t observer, const struct member *member)
{
	size_t subject = world_host_of(world, &member->id);
	struct seen *seen = &world->hosts[observer].seen[subject];

	if (member->incarnation > world->hosts[subject].top_incarnation)
		violate(world, FORGERY, "host %zu holds host %zu at an incarnation it never had",
			observer, subject);
	if (member->incarnation < seen->incarnation)
		violate(world, WENT_BACK, "at host %zu the incarnation of host %zu went back",
			observer, subject);
	seen->incarnation = member->incarnation;
	check_facts(world, observer, member, subject);
}

void check_step(struct world *world, size_t host, const struct swim_actions *actions)
{
	size_t n;
	const struct member *const *members = swim_members(world->hosts[host].swim, &n);

	for (size_t i = 0; i < actions->n_changes; i++)
		check_change(world, host, &actions->changes[i]);
	for (size_t i = 0; i < actions->n_sends; i++)
		MUST(mono_before(world->now, actions->next_at));
	/* Large groups are looked at now and then: a number that went back stays so for a while. */
	if (!actions->view_changed || (n > 64 && world->n_steps % 32))
		return;
	for (size_t i = 0; i < n; i++)
		check_member(world, host, members[i]);
}

bool check_known_gone(const struct world *world, size_t gone, size_t host)
{
	const struct member *member = swim_member(world->hosts[host].swim, &world->hosts[gone].id);

	return !member || member->state == MEMBER_DEAD || member->state == MEMBER_LEFT;
}

static bool knows_facts(const struct world *world, const struct member *member, size_t owner)
{
	if (member->facts.n != N_KEYS)
		return false;
	for (size_t i = 0; i < member->facts.n; i++) {
		uint64_t sequence;

		if (!fact_sequence(member->facts.all[i]->said.bytes, owner,
				   member->facts.all[i]->said.key, &sequence) ||
		    sequence != world->hosts[owner].sequence[member->facts.all[i]->said.key])
			return false;
	}
	return true;
}

static const char *what_differs(const struct world *world, size_t observer, size_t subject)
{
	const struct host *host = &world->hosts[subject];
	const struct member *member = swim_member(world->hosts[observer].swim, &host->id);

	if (!host_up(host))
		return check_known_gone(world, subject, observer)
			       ? NULL
			       : "is gone, and is not known to be";
	if (!member)
		return "is not known";
	if (swim_me(host->swim)->state == MEMBER_LEFT)
		return check_known_gone(world, subject, observer) ? NULL : "has left unseen";
	if (member->state != MEMBER_ALIVE)
		return "is not held for alive";
	if (member->incarnation != swim_me(host->swim)->incarnation)
		return "is known in another incarnation";
	return knows_facts(world, member, subject) ? NULL : "has facts that are not known";
}

bool check_agreement(struct world *world, char *why, size_t why_size)
{
	for (size_t o = 0; o < world->n_hosts; o++) {
		if (!host_up(&world->hosts[o]))
			continue;
		for (size_t s = 0; s < world->n_hosts; s++) {
			const char *what = what_differs(world, o, s);

			if (!what)
				continue;
			snprintf(why, why_size, "at host %zu, host %zu %s", o, s, what);
			return false;
		}
	}
	return true;
}

int64_t check_until_agreed(struct world *world, int64_t bound_ms, enum invariant invariant)
{
	mono_t began_at = world->now;
	char why[128];

	while (world->violated == KEPT && !check_agreement(world, why, sizeof(why))) {
		if (mono_diff_ms(world->now, began_at) >= bound_ms) {
			violate(world, invariant, "after %lld ms: %s", (long long)bound_ms, why);
			break;
		}
		world_run(world, AGREEMENT_STEP_MS);
	}
	return mono_diff_ms(world->now, began_at);
}
