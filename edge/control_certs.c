/* SPDX-License-Identifier: Apache-2.0
 *
 * control_certs: files of certificates are looked at every few seconds; when one has changed, all
 * are read, and the workers get them. A bad file changes nothing but the log. The keys of session
 * tickets are replaced from time to time; authorities are asked about what is served.
 */
#include "core/error.h"
#include "core/obj.h"
#include "edge/control_priv.h"
#include "edge/tls/stapler.h"

enum { LOOK_MS = 2000 };

static void on_fault(void *arg, const void *place, const char *text)
{
	unsigned *n_faults = arg;

	(void)place;
	(*n_faults)++;
	LOG_ERROR("certificates.kept", kv_str("reason", text));
}

/* The contexts of all listeners that staple. */
static size_t contexts_list(const struct control *control, const struct edge_certs *certs,
			    struct tls_context **contexts)
{
	size_t n = 0;

	for (size_t i = 0; i < certs->n_sets; i++) {
		const struct cert_set *set = certs->sets[i];
		bool staples = control->plan->edge->listeners[i].tls.ocsp_stapling;
		for (size_t k = 0; set && staples && k < cert_set_count(set); k++) {
			if (contexts)
				contexts[n] = cert_set_at(set, k);
			n++;
		}
	}
	return n;
}

static void certs_staple(struct control *control, const struct edge_certs *certs)
{
	size_t n = contexts_list(control, certs, NULL);
	CLEANUP(free_drop)
	struct tls_context **contexts = calloc(n + 1, sizeof(struct tls_context *));
	int r = contexts && control->stapler ? 0 : -ENOMEM;

	if (r == 0) {
		contexts_list(control, certs, contexts);
		r = stapler_set(control->stapler, contexts, n);
	}
	if (r < 0)
		LOG_ERROR("ocsp.set", kv_err(r));
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

	bool taken = r == 0 && n_faults == 0;
	if (r < 0)
		LOG_ERROR("certificates.kept", kv_err(r));
	metric_add(control->metrics, taken ? CONTROL_METRIC_CERTS : CONTROL_METRIC_CERTS_FAILED, 1);
	if (taken) {
		LOG_INFO("certificates.loaded");
		certs_staple(control, certs);
		certs_send(control, certs);
	}
	edge_certs_unref(certs);
}

static void on_look(void *arg)
{
	struct control *control = OBJ_CAST(struct control, arg, CONTROL_KIND);
	uint64_t stamp = edge_certs_stamp(control->plan->edge);

	/* A certificate and its key are two files: who changes them is given time for both. */
	if (stamp != control->certs_stamp && stamp == control->certs_seen) {
		control->certs_stamp = stamp;
		certs_renew(control);
	}
	control->certs_seen = stamp;
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

void control_certs_taken(struct control *control)
{
	control->certs_stamp = control->plan->certs->stamp;
	certs_staple(control, control->plan->certs);
}

void control_certs_start(struct control *control)
{
	int r = stapler_new(control->loop, &control->stapler);

	if (r < 0)
		LOG_ERROR("ocsp.start", kv_err(r));
	control_certs_taken(control);
	loop_timer_init(&control->certs_timer, control->loop, on_look, control);
	loop_timer_init(&control->tickets_timer, control->loop, on_rotation, control);
	on_look(control);
	rotation_wait(control);
}

void control_certs_stop(struct control *control)
{
	loop_timer_stop(&control->certs_timer);
	loop_timer_stop(&control->tickets_timer);
	stapler_free(control->stapler);
}
