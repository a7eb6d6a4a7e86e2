/* SPDX-License-Identifier: Apache-2.0
 *
 * drive: gives the core what happens and does what it says. It is the only place where the core
 * meets sockets and the clock. Nothing here takes long: large messages are worked through in
 * pieces, and each turn is measured.
 */
#include "cluster/cluster_priv.h"
#include "cluster/wire/content.h"
#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

enum {
	PIECE_RIDERS = 4, /* given to the core at once: four signatures or eight */
	WORK_US = 2000,   /* of the inbox, in one turn */
	LATE_US = 5000,   /* a turn that is longer is counted */
	REFUSED_SAY_MS = 5000,
	REJECT_SAY_MS = 10000,
	ALONE_FIRST_MS = 10000,
	ALONE_SAY_MS = 60000,
	SECOND_MS = 1000,
};

static void count(struct cluster *cluster, enum cluster_metric which, uint64_t n)
{
	metric_add(cluster->metrics.block, which, n);
}

/* --- how long turns take -------------------------------------------------------------------- */

static void on_turn_end(void *arg)
{
	struct cluster *cluster = OBJ_CAST(struct cluster, arg, CLUSTER_KIND);
	int64_t took_us = mono_diff_us(mono_read(), loop_now(cluster->thread.loop));

	cluster->in_turn = false;
	metric_observe_us(cluster->metrics.block, CLUSTER_METRIC_TURN_TIME,
			  (uint64_t)MAX(took_us, INT64_C(0)));
	if (took_us > LATE_US)
		count(cluster, CLUSTER_METRIC_TURNS_LATE, 1);
}

/* At the top of all that the loop calls here. */
static struct cluster *enter(void *arg)
{
	struct cluster *cluster = OBJ_CAST(struct cluster, arg, CLUSTER_KIND);

	if (!cluster->in_turn)
		loop_defer(cluster->thread.loop, &cluster->turn_task);
	cluster->in_turn = true;
	return cluster;
}

/* --- what the core says --------------------------------------------------------------------- */

static void send_one(struct cluster *cluster, const struct swim_send *send)
{
	const struct member_id *to = send->to_known ? &send->to : NULL;
	bool by_udp = send->via == SWIM_UDP;
	size_t max = by_udp ? (size_t)SWIM_MAX_DATAGRAM_BYTES : (size_t)SWIM_MAX_STREAM_BYTES;
	size_t len = wire_encode(&cluster->out, &send->message, cluster->bytes, max);
	struct span plain = span_of(cluster->bytes, len);
	int r = len == 0 ? err_new(-EMSGSIZE)
		: by_udp ? links_send(cluster->links, loop_now(cluster->thread.loop), to,
				      &send->addr, plain)
			 : tcp_send(cluster->tcp, to, &send->addr, plain);

	if (r < 0 || r == LINKS_DROPPED)
		count(cluster, CLUSTER_METRIC_SEND_FAILURES, 1);
	else
		count(cluster, CLUSTER_METRIC_MESSAGES_OUT, 1);
}

static void keep_lines(struct cluster *cluster, const struct swim_actions *actions)
{
	struct tcp_keep keep[SWIM_MAX_KEPT];

	_Static_assert((int)SWIM_MAX_KEPT <= (int)TCP_MAX_KEPT,
		       "tcp keeps all that the core asks for");
	for (size_t i = 0; i < actions->n_keep; i++)
		keep[i] = (struct tcp_keep){ actions->keep[i].id, actions->keep[i].addr };
	tcp_keep(cluster->tcp, keep, actions->n_keep);
}

static void note_change(struct cluster *cluster, const struct swim_change *change)
{
	const struct member *member = swim_member(cluster->swim, &change->id);
	const struct certificate *certificate =
		member ? proof_certificate(&cluster->proof, member) : NULL;

	/* Whoever comes back has no session of ours any more: greet at once. */
	if (change->to == MEMBER_DEAD || change->to == MEMBER_LEFT)
		links_forget(cluster->links, &change->id);
	LOG_INFO("cluster.member", kv_str("member", certificate ? certificate->name : "unknown"),
		 kv_str("region", certificate ? certificate->region : "unknown"),
		 kv_str("from", change->is_new ? "unknown" : member_state_name(change->from)),
		 kv_str("to", member_state_name(change->to)));
}

static void say_clash(struct cluster *cluster)
{
	LOG_ERROR("cluster.identity_clash", kv_str("identity", cluster->conf->identity),
		  kv_str("do",
			 "another process lives with a copy of this folder: stop one, and admit "
			 "it anew with a folder of its own"));
}

static void publish_view(struct cluster *cluster)
{
	const struct subscriber *subscriber;
	struct view *view = view_build(cluster);

	if (!view)
		return; /* the next change tries again */
	view_unref(cluster->view);
	cluster->view = view;
	cluster->view_due = false;
	count(cluster, CLUSTER_METRIC_VIEWS, 1);
	SLIST_FOREACH(subscriber, &cluster->subscribers, entry)
	(void)view_give(view, subscriber);
}

static void on_view_timer(void *arg)
{
	struct cluster *cluster = enter(arg);

	loop_timer_set(&cluster->view_timer,
		       mono_add_ms(loop_now(cluster->thread.loop), CLUSTER_VIEW_MS));
	if (cluster->view_due)
		publish_view(cluster);
	else
		loop_timer_stop(&cluster->view_timer);
}

/* The first change is told at once, the next ones are gathered. */
static void view_changed(struct cluster *cluster)
{
	cluster->view_due = true;
	if (cluster->view_timer.at.ns == MONO_NEVER.ns)
		loop_timer_set(&cluster->view_timer, loop_now(cluster->thread.loop));
}

void drive_step(struct cluster *cluster, const struct swim_event *event)
{
	struct swim_actions actions;

	swim_step(cluster->swim, loop_now(cluster->thread.loop), event, &actions);
	if (actions.incarnation_raised &&
	    identity_raise_incarnation(cluster->identity, actions.incarnation) < 0)
		LOG_ERROR("cluster.incarnation_unsaved",
			  kv_str("file", cluster->identity->incarnation_path));
	for (size_t i = 0; i < actions.n_sends; i++)
		send_one(cluster, &actions.sends[i]);
	if (actions.keep_changed)
		keep_lines(cluster, &actions);
	loop_timer_set(&cluster->swim_timer, actions.next_at);
	for (size_t i = 0; i < actions.n_changes; i++)
		note_change(cluster, &actions.changes[i]);
	if (actions.identity_clash)
		say_clash(cluster);
	if (actions.view_changed)
		view_changed(cluster);
}

void drive_publish(struct cluster *cluster, uint32_t key, struct span bytes)
{
	const struct swim_event event = { .kind = SWIM_PUBLISH, .key = key, .bytes = bytes };

	drive_step(cluster, &event);
}

/* --- what comes in -------------------------------------------------------------------------- */

static bool is_routine(enum reject why)
{
	return why == REJECT_REPLAYED || why == REJECT_NO_SESSION || why == REJECT_UNASKED ||
	       why == REJECT_OURSELVES;
}

static void on_rejected(void *arg, const struct addr *from, enum reject why)
{
	struct cluster *cluster = enter(arg);
	mono_t now = loop_now(cluster->thread.loop);

	cluster_metrics_rejected(&cluster->metrics, why);
	if (is_routine(why) || mono_before(now, cluster->reject_said_at[why]))
		return;
	cluster->reject_said_at[why] = mono_add_ms(now, REJECT_SAY_MS);
	LOG_WARN("cluster.rejected", kv_addr("from", from), kv_str("reason", reject_word(why)));
}

static const char *refusal_text(enum seal_hint why)
{
	switch (why) {
	case SEAL_HINT_GROUP:
		return "its keyring is of another cluster: copy cluster.keys of the cluster that "
		       "you want to "
		       "join, and admit this member to that cluster";
	case SEAL_HINT_SECRET:
		return "its keyring has no secret like ours: copy its cluster.keys here";
	case SEAL_HINT_CERTIFICATE:
		return "it does not accept our certificate: look at both clocks, and admit this "
		       "member anew "
		       "(meridianctl cluster admit)";
	}
	UNREACHABLE();
}

static void on_refused(void *arg, const struct addr *by, enum seal_hint why)
{
	struct cluster *cluster = enter(arg);
	mono_t now = loop_now(cluster->thread.loop);

	if (mono_before(now, cluster->refused_at))
		return;
	cluster->refused_at = mono_add_ms(now, REFUSED_SAY_MS);
	LOG_ERROR("cluster.refused", kv_addr("by", by), kv_str("keyring", cluster->conf->keyring),
		  kv_str("do", refusal_text(why)));
}

static void on_met(void *arg, const struct proven_member *other, const struct addr *addr)
{
	struct cluster *cluster = enter(arg);

	cluster->has_met = true;
	count(cluster, CLUSTER_METRIC_GREETINGS, 1);
	LOG_DEBUG("cluster.session", kv_str("member", other->certificate.name),
		  kv_addr("addr", addr));
}

/* Facts that their owner's roles do not allow are left out before the core would pass them on. */
static void drop_disallowed(struct cluster *cluster, struct door *door,
			    struct swim_message *message, const struct addr *from)
{
	struct swim_fact *allowed = door_take(door, message->n_facts, sizeof(*allowed));
	size_t n = 0;

	for (size_t i = 0; allowed && i < message->n_facts; i++) {
		const struct swim_fact *fact = &message->facts[i];
		const struct member *owner = swim_member(cluster->swim, &fact->owner);
		const struct certificate *certificate =
			owner ? proof_certificate(&cluster->proof, owner) : NULL;

		if (certificate && !content_allowed(fact->key, certificate->roles))
			on_rejected(cluster, from, REJECT_FACT);
		else
			allowed[n++] = *fact;
	}
	message->facts = allowed;
	message->n_facts = n;
}

static bool decode(struct cluster *cluster, struct door *door, const struct addr *from,
		   struct span plain, struct swim_message *message)
{
	if (wire_decode(door, plain, message) != WIRE_OK) {
		on_rejected(cluster, from, REJECT_CONTENT);
		return false;
	}
	drop_disallowed(cluster, door, message, from);
	count(cluster, CLUSTER_METRIC_MESSAGES_IN, 1);
	return true;
}

static void on_datagram_message(void *arg, const struct member_id *from, const struct addr *addr,
				struct span plain)
{
	struct cluster *cluster = enter(arg);
	struct swim_message message;

	if (!decode(cluster, &cluster->in, addr, plain, &message))
		return;
	const struct swim_event event = { .kind = SWIM_RECEIVED,
					  .from = *from,
					  .addr = *addr,
					  .via = SWIM_UDP,
					  .message = &message };
	drive_step(cluster, &event);
}

static void on_datagram(void *arg, const struct addr *from, struct span packet)
{
	struct cluster *cluster = enter(arg);

	count(cluster, CLUSTER_METRIC_PACKETS_IN, 1);
	count(cluster, CLUSTER_METRIC_BYTES_IN, packet.len);
	links_receive(cluster->links, loop_now(cluster->thread.loop),
		      loop_wall_s(cluster->thread.loop), from, packet);
}

static void send_packet(void *arg, const struct addr *to, struct span packet)
{
	struct cluster *cluster = enter(arg);

	if (udp_send(cluster->udp, to, packet) < 0) {
		count(cluster, CLUSTER_METRIC_SEND_FAILURES, 1);
		return;
	}
	count(cluster, CLUSTER_METRIC_PACKETS_OUT, 1);
	count(cluster, CLUSTER_METRIC_BYTES_OUT, packet.len);
}

/* --- the inbox ------------------------------------------------------------------------------ */

static void inbox_drop_first(struct cluster *cluster)
{
	struct inbox_item *item = STAILQ_FIRST(&cluster->inbox);

	STAILQ_REMOVE_HEAD(&cluster->inbox, entry);
	MUST(cluster->n_inbox > 0);
	cluster->n_inbox--;
	door_fini(&item->door);
	free(item);
}

static void on_line_message(void *arg, const struct member_id *from, const struct addr *addr,
			    struct span plain)
{
	struct cluster *cluster = enter(arg);
	struct inbox_item *item =
		cluster->n_inbox < CLUSTER_MAX_INBOX ? calloc(1, sizeof(*item)) : NULL;

	if (!item) {
		on_rejected(cluster, addr, REJECT_BUSY);
		return;
	}
	item->from = *from;
	item->addr = *addr;
	door_init(&item->door, plain.len);
	STAILQ_INSERT_TAIL(&cluster->inbox, item, entry);
	cluster->n_inbox++;
	if (decode(cluster, &item->door, addr, plain, &item->message)) {
		loop_defer(cluster->thread.loop, &cluster->work_task);
		return;
	}
	STAILQ_REMOVE(&cluster->inbox, item, inbox_item, entry);
	cluster->n_inbox--;
	door_fini(&item->door);
	free(item);
}

/* The next piece of the first message. Whatever wants an answer is in the last piece. */
static void inbox_step(struct cluster *cluster)
{
	struct inbox_item *item = STAILQ_FIRST(&cluster->inbox);
	const struct swim_message *whole = &item->message;
	struct swim_message piece = *whole;
	bool in_pieces = whole->kind == SWIM_SYNC_DATA;

	if (in_pieces) {
		piece.claims = whole->claims + item->next_claim;
		piece.n_claims = MIN(whole->n_claims - item->next_claim, (size_t)PIECE_RIDERS);
		piece.facts = whole->facts + item->next_fact;
		piece.n_facts = piece.n_claims > 0 ? 0
						   : MIN(whole->n_facts - item->next_fact,
							 (size_t)PIECE_RIDERS);
		item->next_claim += piece.n_claims;
		item->next_fact += piece.n_facts;
	}
	bool last = !in_pieces ||
		    (item->next_claim == whole->n_claims && item->next_fact == whole->n_facts);
	if (!last)
		piece.reply_wanted = false;
	const struct swim_event event = { .kind = SWIM_RECEIVED,
					  .from = item->from,
					  .addr = item->addr,
					  .via = SWIM_TCP,
					  .message = &piece };
	drive_step(cluster, &event);
	if (last)
		inbox_drop_first(cluster);
}

static void tell_evidence(struct cluster *cluster)
{
	size_t n = cluster->n_evidence;
	struct evidence evidence[CLUSTER_MAX_EVIDENCE];

	memcpy(evidence, cluster->evidence, n * sizeof(evidence[0]));
	cluster->n_evidence = 0;
	for (size_t i = 0; i < n; i++) {
		const struct swim_event event = { .kind = SWIM_EVIDENCE,
						  .from = evidence[i].id,
						  .addr = evidence[i].addr,
						  .evidence = evidence[i].what };
		drive_step(cluster, &event);
	}
}

static void on_work(void *arg)
{
	struct cluster *cluster = enter(arg);
	mono_t begun = mono_read();

	tell_evidence(cluster);
	while (!STAILQ_EMPTY(&cluster->inbox) && mono_diff_us(mono_read(), begun) < WORK_US)
		inbox_step(cluster);
	if (!STAILQ_EMPTY(&cluster->inbox) || cluster->n_evidence > 0)
		loop_defer(cluster->thread.loop, &cluster->work_task);
}

/* It may be told from inside a step, so it waits for the end of the turn. */
static void on_lost(void *arg, const struct member_id *id, const struct addr *addr,
		    enum tcp_loss why)
{
	struct cluster *cluster = enter(arg);

	count(cluster, CLUSTER_METRIC_LINES_LOST, 1);
	if (why == TCP_REJECTED || cluster->n_evidence == CLUSTER_MAX_EVIDENCE)
		return;
	cluster->evidence[cluster->n_evidence++] = (struct evidence){
		.id = *id,
		.addr = *addr,
		.what = why == TCP_REFUSED ? SWIM_REFUSED : SWIM_LINE_LOST,
	};
	loop_defer(cluster->thread.loop, &cluster->work_task);
}

/* --- time ----------------------------------------------------------------------------------- */

static void on_swim_timer(void *arg)
{
	const struct swim_event event = { .kind = SWIM_TICK };

	drive_step(enter(arg), &event);
}

static void on_tick(void *arg)
{
	struct cluster *cluster = enter(arg);
	mono_t now = loop_now(cluster->thread.loop);

	loop_timer_set(&cluster->tick_timer, mono_add_ms(now, LINKS_TICK_MS));
	links_tick(cluster->links, now);
	tcp_tick(cluster->tcp);
}

static void count_members(struct cluster *cluster)
{
	int64_t n[MEMBER_LEFT + 1] = { 0 };
	size_t n_all;
	const struct member *const *all = swim_members(cluster->swim, &n_all);

	for (size_t i = 0; i < n_all; i++)
		n[all[i]->state]++;
	for (int state = MEMBER_ALIVE; state <= MEMBER_LEFT; state++)
		metric_set(cluster->metrics.block,
			   (size_t)CLUSTER_METRIC_MEMBERS_ALIVE + (size_t)state, n[state]);
}

static void say_when_alone(struct cluster *cluster)
{
	mono_t now = loop_now(cluster->thread.loop);

	if (cluster->has_met || cluster->conf->n_join == 0 ||
	    mono_diff_ms(now, cluster->started_at) < ALONE_FIRST_MS ||
	    mono_before(now, cluster->alone_at))
		return;
	cluster->alone_at = mono_add_ms(now, ALONE_SAY_MS);
	LOG_WARN("cluster.alone", kv_uint("seeds", cluster->conf->n_join),
		 kv_str("first", cluster->conf->join[0]),
		 kv_str("do", "no seed has answered: look at cluster.join, at firewalls (UDP and "
			      "TCP), and "
			      "whether the keyring is the cluster's"));
}

static void on_second(void *arg)
{
	struct cluster *cluster = enter(arg);

	loop_timer_set(&cluster->second_timer,
		       mono_add_ms(loop_now(cluster->thread.loop), SECOND_MS));
	cluster_metrics_take(&cluster->metrics, cluster->swim);
	count_members(cluster);
	say_when_alone(cluster);
}

static void on_seeds(const struct addr *addrs, size_t n, void *arg)
{
	const struct swim_event event = { .kind = SWIM_SEEDS, .seeds = addrs, .n_seeds = n };

	_Static_assert((int)SEEDS_MAX_ADDRS <= (int)SWIM_MAX_SEEDS, "the core takes all seeds");
	drive_step(enter(arg), &event);
}

/* --- start and stop ------------------------------------------------------------------------- */

static const struct udp_out udp_out = { .received = on_datagram };
static const struct links_out links_out = {
	.send = send_packet,
	.deliver = on_datagram_message,
	.met = on_met,
	.refused = on_refused,
	.rejected = on_rejected,
};
static const struct tcp_out tcp_out = {
	.deliver = on_line_message,
	.met = on_met,
	.lost = on_lost,
	.refused = on_refused,
	.rejected = on_rejected,
};

static int start_core(struct cluster *cluster)
{
	const struct swim_self self = {
		.id = cluster->identity->certificate.id,
		.addr = cluster->addr,
		.certificate = identity_certificate(cluster->identity),
		.incarnation = cluster->identity->incarnation,
	};
	uint64_t seed;
	int r = crypto_random(&seed, sizeof(seed));

	if (r < 0)
		return err_pass(r);
	proof_init(&cluster->proof, cluster->identity, cluster->thread.loop);
	return err_pass(swim_new(&swim_conf_wan, &cluster->proof.env, &self, seed, &cluster->swim));
}

static int start_transport(struct cluster *cluster)
{
	struct loop *loop = cluster->thread.loop;
	int r = udp_new(loop, cluster->udp_fd, &udp_out, cluster, &cluster->udp);

	if (r == 0)
		r = links_new(&cluster->self, &links_out, cluster, &cluster->links);
	if (r == 0)
		r = tcp_new(loop, &cluster->self, cluster->tcp_fd, &tcp_out, cluster,
			    &cluster->tcp);
	if (r == 0)
		r = seeds_new(loop, cluster->conf->join, cluster->conf->n_join, on_seeds, cluster,
			      &cluster->seeds);
	return r < 0 ? err_pass(r) : 0;
}

static void say_who_we_are(struct cluster *cluster)
{
	const struct node_conf *conf = cluster->node;
	struct content_node node = { .has_location = conf->location.set,
				     .latitude = conf->location.latitude,
				     .longitude = conf->location.longitude,
				     .capacity_rps = conf->capacity.requests_per_second,
				     .version = MERIDIAN_VERSION };
	uint8_t bytes[CONTENT_MAX_BYTES];

	node.n_addresses = MIN(conf->n_addresses, (size_t)MEMBER_MAX_ADDRESSES);
	if (node.n_addresses > 0)
		memcpy(node.addresses, conf->addresses, node.n_addresses * sizeof(struct addr));
	drive_publish(cluster, CONTENT_NODE, span_of(bytes, content_pack_node(&node, bytes)));
	drive_publish(cluster, CONTENT_DRAIN, span_of(bytes, content_pack_drain(false, bytes)));
}

int drive_start(struct cluster *cluster)
{
	struct loop *loop = cluster->thread.loop;
	mono_t now = loop_now(loop);

	STAILQ_INIT(&cluster->inbox);
	door_init(&cluster->in, SWIM_MAX_DATAGRAM_BYTES + CONTENT_MAX_BYTES);
	door_init(&cluster->out, SWIM_MAX_STREAM_BYTES);
	loop_timer_init(&cluster->swim_timer, loop, on_swim_timer, cluster);
	loop_timer_init(&cluster->tick_timer, loop, on_tick, cluster);
	loop_timer_init(&cluster->second_timer, loop, on_second, cluster);
	loop_timer_init(&cluster->view_timer, loop, on_view_timer, cluster);
	cluster->work_task = (struct loop_task){ .fn = on_work, .arg = cluster };
	cluster->turn_task = (struct loop_task){ .fn = on_turn_end, .arg = cluster };
	cluster->started_at = cluster->refused_at = cluster->alone_at = now;
	cluster->bytes = malloc(SWIM_MAX_STREAM_BYTES);
	int r = cluster->bytes ? start_core(cluster) : err_new(-ENOMEM);
	if (r == 0)
		r = start_transport(cluster);
	if (r < 0)
		return err_pass(r);
	loop_timer_set(&cluster->swim_timer, now);
	loop_timer_set(&cluster->tick_timer, now);
	loop_timer_set(&cluster->second_timer, now);
	say_who_we_are(cluster);
	publish_view(cluster);
	return 0;
}

void drive_stop(struct cluster *cluster)
{
	loop_timer_stop(&cluster->swim_timer);
	loop_timer_stop(&cluster->tick_timer);
	loop_timer_stop(&cluster->second_timer);
	loop_timer_stop(&cluster->view_timer);
	loop_undefer(cluster->thread.loop, &cluster->work_task);
	seeds_free(cluster->seeds);
	tcp_free(cluster->tcp);
	links_free(cluster->links);
	udp_free(cluster->udp);
	swim_free(cluster->swim);
	loop_undefer(cluster->thread.loop, &cluster->turn_task);
	while (cluster->n_inbox > 0)
		inbox_drop_first(cluster);
	door_fini(&cluster->in);
	door_fini(&cluster->out);
	free(cluster->bytes);
}
