/* SPDX-License-Identifier: Apache-2.0
 *
 * control_certs: files of certificates are looked at every few seconds; when one has changed, all
 * are read, and the workers get them. A bad file changes nothing but the log. The keys of session
 * tickets are replaced from time to time.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/control_priv.h"

enum { LOOK_MS = 2000 };

static void on_fault(void *arg, const void *place, const char *text)
{
	unsigned *n_faults = arg;

	(void)place;
	(*n_faults)++;
	LOG_ERROR("certificates.kept", kv_str("reason", text));
}

static void certs_send(struct control *control, struct edge_certs *certs)
{
	for (size_t i = 0; i < control->n_workers; i++) {
		int r = worker_set_certs(control->workers[i], certs);
		if (r < 0) /* this one goes on with the old; the next change mends it */
			LOG_ERROR("certificates.send", kv_uint("worker", i), kv_err(r));
	}
}

static void certs_renew(struct control *control)
{
	struct edge_certs *certs = NULL;
	unsigned n_faults = 0;
	int r = edge_certs_new(control->plan->edge, control->plan->tickets, on_fault, &n_faults,
			       &certs);

	if (r < 0)
		LOG_ERROR("certificates.kept", kv_err(r));
	if (r == 0 && n_faults == 0) {
		LOG_INFO("certificates.loaded");
		certs_send(control, certs);
	}
	edge_certs_unref(certs);
}

static void on_look(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);
	uint64_t stamp = edge_certs_stamp(control->plan->edge);

	if (stamp != control->certs_stamp) {
		control->certs_stamp = stamp;
		certs_renew(control);
	}
	loop_timer_set(&control->certs_timer, mono_add_ms(loop_now(control->loop), LOOK_MS));
}

static void rotation_wait(struct control *control)
{
	int64_t wait_ms = control->plan->edge->tls.ticket_rotation_ms;

	loop_timer_set(&control->tickets_timer, mono_add_ms(loop_now(control->loop), wait_ms));
}

static void on_rotation(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);
	int r = tls_tickets_rotate(control->plan->tickets);

	if (r < 0)
		LOG_ERROR("tickets.kept", kv_err(r));
	rotation_wait(control);
}

void control_certs_start(struct control *control)
{
	control->certs_stamp = control->plan->certs->stamp;
	loop_timer_init(&control->certs_timer, control->loop, on_look, control);
	loop_timer_init(&control->tickets_timer, control->loop, on_rotation, control);
	on_look(control);
	rotation_wait(control);
}

void control_certs_stop(struct control *control)
{
	loop_timer_stop(&control->certs_timer);
	loop_timer_stop(&control->tickets_timer);
}
