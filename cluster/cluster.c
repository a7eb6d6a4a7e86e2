/* SPDX-License-Identifier: Apache-2.0
 *
 * cluster: the life of the cluster's thread, and the door through which others speak to it: every
 * call here becomes a mail.
 */
#include "cluster/cluster.h"

#include <time.h>

#include "cluster/cluster_priv.h"
#include "cluster/wire/content.h"
#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

enum {
	LEAVE_MS = 700, /* a few rounds of gossip */
	GOSSIP_RECEIVE_BYTES = 4 * 1024 * 1024,
	GOSSIP_SEND_BYTES = 1024 * 1024,
	MAX_PORT_TRIES = 64,
};

/* --- start ---------------------------------------------------------------------------------- */

static int wrong(const char *what, const char *reason)
{
	LOG_ERROR("cluster.cannot_start", kv_str("what", what), kv_str("reason", reason));
	return err_new(-EINVAL);
}

static int check_certificate(const struct cluster *cluster, enum member_role role)
{
	const struct certificate *certificate = &cluster->identity->certificate;

	if ((certificate->roles & (unsigned)role) == 0)
		return wrong(cluster->conf->identity,
			     role == ROLE_EDGE
				     ? "its certificate does not allow the role of an edge"
				     : "its certificate does not allow the role of a gtm");
	if (strcmp(certificate->name, cluster->node->name) != 0)
		return wrong(cluster->conf->identity,
			     "its certificate has another name than node.name");
	if (strcmp(certificate->region, cluster->node->region) != 0)
		return wrong(cluster->conf->identity,
			     "its certificate has another region than node.region");
	return 0;
}

static int open_identity(struct cluster *cluster, enum member_role role)
{
	char reterr[IDENTITY_ERROR_MAX] = "";
	int r = keyring_load(cluster->conf->keyring, &cluster->keyring, reterr);

	if (r < 0) {
		(void)wrong(cluster->conf->keyring, reterr);
		return err_pass(r);
	}
	r = identity_open(cluster->conf->identity, &cluster->keyring, time(NULL),
			  &cluster->identity, reterr);
	if (r < 0) {
		(void)wrong(cluster->conf->identity, reterr);
		return err_pass(r);
	}
	cluster->self = (struct handshake_self){ &cluster->keyring, cluster->identity };
	return check_certificate(cluster, role);
}

static struct sock_wish socket_wish(enum sock_type type, const struct addr *addr)
{
	return (struct sock_wish){
		.purpose = "gossip",
		.type = type,
		.addr = *addr,
		.receive_bytes = type == SOCK_TYPE_DATAGRAM ? GOSSIP_RECEIVE_BYTES : 0,
		.send_bytes = type == SOCK_TYPE_DATAGRAM ? GOSSIP_SEND_BYTES : 0,
	};
}

/* UDP and TCP have the same port, also when the kernel chooses it: it chooses for UDP, and whether
 * TCP has that one free is luck, so it is asked again. */
static int open_sockets(struct cluster *cluster, struct sock_registry *socks)
{
	bool chosen = addr_port(&cluster->conf->listen) == 0;
	struct sock_wish wish;
	struct addr bound, tcp_bound;
	int r = 0;

	for (int tries = chosen ? MAX_PORT_TRIES : 1; tries > 0; tries--) {
		wish = socket_wish(SOCK_TYPE_DATAGRAM, &cluster->conf->listen);
		r = sock_get(socks, &wish, &cluster->udp_fd, &bound);
		if (r < 0)
			break;
		wish = socket_wish(SOCK_TYPE_STREAM, &bound);
		r = sock_get(socks, &wish, &cluster->tcp_fd, &tcp_bound);
		if (r != -EADDRINUSE)
			break;
		if (tries > 1)
			sock_give_up(socks, cluster->udp_fd);
	}
	if (r < 0) {
		sock_error_log(&wish, r);
		return err_pass(r);
	}
	cluster->addr = cluster->conf->advertise.len != 0 ? cluster->conf->advertise : bound;
	return 0;
}

static void cluster_free(struct cluster *cluster)
{
	struct subscriber *subscriber;

	loop_thread_stop(&cluster->thread);
	loop_thread_fini(&cluster->thread);
	while ((subscriber = SLIST_FIRST(&cluster->subscribers))) {
		SLIST_REMOVE_HEAD(&cluster->subscribers, entry);
		free(subscriber);
	}
	view_unref(cluster->view);
	identity_close(cluster->identity);
	cluster_metrics_fini(&cluster->metrics);
	crypto_wipe(&cluster->keyring, sizeof(cluster->keyring));
	OBJ_FREE(cluster);
}

static void on_end(void *arg)
{
	drive_stop(OBJ_CAST(struct cluster, arg, CLUSTER_KIND));
}

static int start_thread(struct cluster *cluster)
{
	int r = cluster_metrics_init(&cluster->metrics);

	if (r == 0)
		r = loop_thread_init(&cluster->thread, "cluster", on_end, cluster);
	if (r == 0)
		r = drive_start(cluster);
	if (r == 0)
		r = loop_thread_start(&cluster->thread);
	return r < 0 ? err_pass(r) : 0;
}

int cluster_start(const struct cluster_start *start, struct cluster **ret_cluster)
{
	struct cluster *cluster = OBJ_NEW(struct cluster, CLUSTER_KIND);

	if (!cluster)
		return err_new(-ENOMEM);
	cluster->node = start->node;
	cluster->conf = start->cluster;
	SLIST_INIT(&cluster->subscribers);
	int r = open_identity(cluster, start->role);
	if (r == 0)
		r = open_sockets(cluster, start->socks);
	if (r == 0)
		r = start_thread(cluster);
	if (r < 0) {
		cluster_free(cluster);
		return err_pass(r);
	}
	LOG_INFO("cluster.started", kv_str("member", start->node->name),
		 kv_str("region", start->node->region), kv_addr("listen", &cluster->addr),
		 kv_uint("incarnation", cluster->identity->incarnation));
	*ret_cluster = cluster;
	return 0;
}

/* --- orders --------------------------------------------------------------------------------- */

struct order {
	struct mail mail;
	struct cluster *cluster;
	bool leave;
	struct loop_timer timer;
};

static void on_left(void *arg)
{
	loop_stop(OBJ_CAST(struct cluster, arg, CLUSTER_KIND)->thread.loop);
}

static void on_stop_mail(struct mail *mail, bool dropped)
{
	struct order *order = CONTAINER_OF(mail, struct order, mail);
	const struct swim_event event = { .kind = SWIM_LEAVE };
	struct cluster *cluster = order->cluster;

	if (dropped)
		return;
	if (!order->leave || swim_n_live(cluster->swim) <= 1) {
		loop_stop(cluster->thread.loop);
		return;
	}
	cluster->leaving = true;
	drive_step(cluster, &event);
	loop_timer_init(&order->timer, cluster->thread.loop, on_left, cluster);
	loop_timer_set(&order->timer, mono_add_ms(loop_now(cluster->thread.loop), LEAVE_MS));
}

static void end_thread(struct cluster *cluster, bool leave)
{
	struct order order = { .cluster = cluster, .leave = leave };

	if (!cluster)
		return;
	MUST(cluster->kind == CLUSTER_KIND);
	order.mail.fn = on_stop_mail;
	mailbox_post(&cluster->thread.mailbox, &order.mail);
	loop_thread_join(&cluster->thread);
	loop_timer_stop(&order.timer);
	cluster_free(cluster);
}

void cluster_stop(struct cluster *cluster)
{
	end_thread(cluster, true);
}

void cluster_hand_over(struct cluster *cluster)
{
	end_thread(cluster, false);
}

struct subscribing {
	struct mail mail;
	struct cluster *cluster;
	struct subscriber *subscriber;
};

static void on_subscribe_mail(struct mail *mail, bool dropped)
{
	struct subscribing *subscribing = CONTAINER_OF(mail, struct subscribing, mail);
	struct cluster *cluster = subscribing->cluster;

	if (dropped) {
		free(subscribing->subscriber);
	} else {
		SLIST_INSERT_HEAD(&cluster->subscribers, subscribing->subscriber, entry);
		if (cluster->view)
			(void)view_give(cluster->view, subscribing->subscriber);
	}
	free(subscribing);
}

int cluster_subscribe(struct cluster *cluster, struct mailbox *mailbox, cluster_view_fn fn,
		      void *arg)
{
	struct subscribing *subscribing = calloc(1, sizeof(*subscribing));
	struct subscriber *subscriber = calloc(1, sizeof(*subscriber));

	if (!subscribing || !subscriber) {
		free(subscribing);
		free(subscriber);
		return err_new(-ENOMEM);
	}
	*subscriber = (struct subscriber){ .mailbox = mailbox, .fn = fn, .arg = arg };
	subscribing->mail.fn = on_subscribe_mail;
	subscribing->cluster = cluster;
	subscribing->subscriber = subscriber;
	mailbox_post(&cluster->thread.mailbox, &subscribing->mail);
	return 0;
}

/* --- reports -------------------------------------------------------------------------------- */

struct report {
	struct mail mail;
	struct cluster *cluster;
	uint32_t key;
	unsigned n_pages; /* of services: there are so many now; 0: says nothing of them */
	size_t len;
	uint8_t bytes[];
};

/* Pages that the last report had and this one has not become empty. */
static void blank_pages(struct cluster *cluster, unsigned n_pages)
{
	for (unsigned page = n_pages; page < cluster->n_service_pages; page++)
		drive_publish(cluster, CONTENT_SERVICES + page, SPAN_NONE);
	cluster->n_service_pages = n_pages;
}

static void on_report_mail(struct mail *mail, bool dropped)
{
	struct report *report = CONTAINER_OF(mail, struct report, mail);

	if (!dropped && !report->cluster->leaving) {
		drive_publish(report->cluster, report->key, span_of(report->bytes, report->len));
		if (report->n_pages > 0)
			blank_pages(report->cluster, report->n_pages);
	}
	free(report);
}

static int post_report(struct cluster *cluster, uint32_t key, struct span bytes, unsigned n_pages)
{
	struct report *report = malloc(sizeof(*report) + bytes.len);

	if (!report)
		return err_new(-ENOMEM);
	*report = (struct report){
		.cluster = cluster, .key = key, .n_pages = n_pages, .len = bytes.len
	};
	if (bytes.len > 0)
		memcpy(report->bytes, bytes.at, bytes.len);
	report->mail.fn = on_report_mail;
	mailbox_post(&cluster->thread.mailbox, &report->mail);
	return 0;
}

static bool report_ok(const struct service_report *service)
{
	size_t len = strlen(service->name);

	return len > 0 && len <= CONTENT_NAME_MAX && service->share_pct <= 100 &&
	       service->n_origins_up <= service->n_origins;
}

static int report_page(struct cluster *cluster, unsigned page,
		       const struct service_report *services, size_t n, unsigned n_pages)
{
	struct view_service rows[CONTENT_PAGE_SERVICES];
	uint8_t bytes[CONTENT_MAX_BYTES];

	MUST(n <= CONTENT_PAGE_SERVICES);
	for (size_t i = 0; i < n; i++) {
		if (!report_ok(&services[i]))
			return err_new(-EINVAL);
		rows[i] = (struct view_service){ .name = services[i].name,
						 .health = services[i].health,
						 .share_pct = services[i].share_pct,
						 .n_origins = services[i].n_origins,
						 .n_origins_up = services[i].n_origins_up };
	}
	size_t len = content_pack_services(rows, n, bytes);
	return post_report(cluster, CONTENT_SERVICES + page, span_of(bytes, len), n_pages);
}

int cluster_report_services(struct cluster *cluster, const struct service_report *services,
			    size_t n)
{
	unsigned n_pages =
		MAX((unsigned)((n + CONTENT_PAGE_SERVICES - 1) / CONTENT_PAGE_SERVICES), 1U);

	if (n > CONTENT_MAX_SERVICES)
		return err_new(-EINVAL);
	for (unsigned page = 0; page < n_pages; page++) {
		size_t from = (size_t)page * CONTENT_PAGE_SERVICES;
		int r = report_page(cluster, page, services + from,
				    MIN(n - from, (size_t)CONTENT_PAGE_SERVICES),
				    page + 1 == n_pages ? n_pages : 0);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

int cluster_report_load(struct cluster *cluster, uint32_t requests_per_second,
			uint32_t open_connections)
{
	const struct content_load load = { requests_per_second, open_connections };
	uint8_t bytes[CONTENT_MAX_BYTES];

	return post_report(cluster, CONTENT_LOAD, span_of(bytes, content_pack_load(&load, bytes)),
			   0);
}

int cluster_report_drain(struct cluster *cluster, bool draining)
{
	uint8_t bytes[CONTENT_MAX_BYTES];

	return post_report(cluster, CONTENT_DRAIN,
			   span_of(bytes, content_pack_drain(draining, bytes)), 0);
}
