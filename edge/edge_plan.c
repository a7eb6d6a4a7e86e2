/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_plan: a file becomes a document, structs, and what is made of them. What goes wrong on the
 * way is said at its place in the file, all of it at once.
 */
#include "edge/edge_plan.h"

#include <time.h>

#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

enum { RETERR_BYTES = 256 };

static void plan_free(struct snapshot *snapshot)
{
	struct edge_plan *plan = CONTAINER_OF(snapshot, struct edge_plan, snapshot);

	for (size_t i = 0; plan->pool_tls && i < plan->edge->n_pools; i++)
		tls_unref(plan->pool_tls[i]);
	free(plan->pool_tls);
	for (size_t i = 0; plan->error_pages && i <= plan->edge->n_services; i++)
		error_pages_free(plan->error_pages[i]);
	free(plan->error_pages);
	edge_certs_unref(plan->certs);
	tls_tickets_unref(plan->tickets);
	access_log_format_fini(&plan->log_format);
	service_map_free(plan->services);
	for (size_t i = 0; plan->caches && i < plan->edge->n_stores; i++)
		cache_unref(plan->caches[i]);
	free(plan->caches);
	conf_free(plan->conf);
	free(plan);
}

static struct span pool_alpn(const struct pool_conf *pool)
{
	switch ((enum pool_protocol)pool->protocol) {
	case POOL_HTTP1:
		return SPAN_LIT("\x08http/1.1");
	case POOL_HTTP2:
		return SPAN_LIT("\x02h2");
	case POOL_AUTO:
		return SPAN_LIT("\x02h2\x08http/1.1");
	}
	UNREACHABLE();
}

static int pools_tls_make(struct edge_plan *plan)
{
	for (size_t i = 0; i < plan->edge->n_pools; i++) {
		const struct pool_conf *pool = &plan->edge->pools[i];
		const struct span alpn = pool_alpn(pool);
		const struct tls_client_conf conf = { .ca_file = pool->tls.ca,
						      .insecure = !pool->tls.verify,
						      .alpn = alpn.at,
						      .alpn_len = alpn.len,
						      .certificate_file = pool->tls.certificate,
						      .key_file = pool->tls.key,
						      .min_version = pool->tls.min_version,
						      .max_version = pool->tls.max_version };
		char text[RETERR_BYTES] = "";
		if (!pool_uses_tls(pool))
			continue;
		int r = tls_client_new(&conf, &plan->pool_tls[i], text);
		if (r == -ENOMEM)
			return err_pass(r);
		if (r < 0)
			conf_fault(plan->conf, &pool->tls.ca, "%s", text);
	}
	return 0;
}

static void on_certs_fault(void *arg, const void *place, const char *text)
{
	struct edge_plan *plan = arg;

	conf_fault(plan->conf, place, "%s", text);
}

static int log_make(struct edge_plan *plan)
{
	const struct access_log_conf *log = &plan->edge->access_log;
	char text[RETERR_BYTES] = "";

	if (!log->set)
		return 0;
	int r = access_log_format_init(&plan->log_format, log->template,
				       (enum facts_escape)log->format, text);
	if (r < 0 && r != -ENOMEM) {
		conf_fault(plan->conf, &log->template, "%s", text);
		return 0;
	}
	return err_pass(r);
}

/* Only when nothing was wrong: the map takes names and prefixes for checked. */
static int services_make(struct edge_plan *plan)
{
	const struct edge_conf *edge = plan->edge;
	CLEANUP(free_drop) const char **names = calloc(edge->n_pools + 1, sizeof(*names));

	if (!names)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < edge->n_pools; i++)
		names[i] = edge->pools[i].name;
	const struct route_pools pools = { names, edge->n_pools, plan->caches, edge->n_stores };
	return err_pass(service_map_new(edge->services, edge->n_services, &pools, &plan->services));
}

static int pages_make(struct edge_plan *plan, const struct error_page_conf *confs, size_t n_confs,
		      struct error_pages **ret_pages)
{
	char text[ERROR_PAGE_TEXT] = "";
	size_t item = 0;

	if (n_confs == 0)
		return 0;
	int r = error_pages_new(confs, n_confs, ret_pages, &item, text);
	if (r == -ENOMEM)
		return err_pass(r);
	if (r < 0)
		conf_fault(plan->conf, confs[item].file ? &confs[item].file : &confs[item].body,
			   "%s", text);
	return 0;
}

static int error_pages_make(struct edge_plan *plan)
{
	const struct edge_conf *edge = plan->edge;

	plan->error_pages = calloc(edge->n_services + 1, sizeof(struct error_pages *));
	if (!plan->error_pages)
		return err_new(-ENOMEM);
	int r = pages_make(plan, edge->error_pages, edge->n_error_pages, &plan->error_pages[0]);
	for (size_t i = 0; r == 0 && i < edge->n_services; i++) {
		const struct service_conf *service = &edge->services[i];
		r = pages_make(plan, service->error_pages, service->n_error_pages,
			       &plan->error_pages[i + 1]);
	}
	return err_pass(r);
}

static struct cache *cache_before(const struct edge_plan *before, const char *name)
{
	for (size_t i = 0; before && i < before->edge->n_stores; i++) {
		if (strcmp(before->edge->stores[i].name, name) == 0)
			return before->caches[i];
	}
	return NULL;
}

/* Those that were there stay, with what is stored. They take on their new size when the plan is
 * taken: it may be refused yet. */
static int caches_make(struct edge_plan *plan, const struct edge_plan *before)
{
	plan->caches = calloc(plan->edge->n_stores + 1, sizeof(struct cache *));
	if (!plan->caches)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < plan->edge->n_stores; i++) {
		const struct cache_conf *conf = &plan->edge->stores[i];
		struct cache *kept = cache_before(before, conf->name);
		int r = 0;
		if (kept)
			plan->caches[i] = cache_ref(kept);
		else
			r = cache_new(conf, time(NULL), &plan->caches[i]);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

static int plan_fill(struct edge_plan *plan, const struct edge_plan *before)
{
	plan->pool_tls = calloc(plan->edge->n_pools + 1, sizeof(struct tls_context *));
	if (!plan->pool_tls)
		return err_new(-ENOMEM);
	edge_conf_check(plan->conf, plan->edge);
	int r = pools_tls_make(plan);
	if (r == 0)
		r = edge_certs_new(plan->edge, plan->tickets, on_certs_fault, plan, &plan->certs);
	if (r == 0)
		r = error_pages_make(plan);
	if (r == 0)
		r = log_make(plan);
	if (r == 0 && conf_n_errors(plan->conf) == 0)
		r = caches_make(plan, before);
	if (r == 0 && conf_n_errors(plan->conf) == 0)
		r = services_make(plan);
	return err_pass(r);
}

static int tickets_make(struct edge_plan *plan, const struct edge_plan *before)
{
	if (!before)
		return err_pass(tls_tickets_new(&plan->tickets));
	plan->tickets = tls_tickets_ref(before->tickets);
	return 0;
}

/* Before any context is made. */
static void key_log_open(struct edge_plan *plan)
{
	const char *const *file = &plan->edge->tls.key_log;

	if (!*file)
		return;
	int r = tls_key_log(*file);
	if (r < 0)
		conf_fault(plan->conf, file, "%s: %s", *file, err_text(r));
	else
		LOG_WARN("tls.key-log", kv_str("file", *file),
			 kv_str("danger", "who reads this file reads all traffic"));
}

int edge_plan_read(const char *path, const struct edge_plan *before, struct buf *errors,
		   struct edge_plan **ret_plan)
{
	struct edge_plan *plan = calloc(1, sizeof(*plan));
	void *root = NULL;

	if (!plan)
		return err_new(-ENOMEM);
	snapshot_init(&plan->snapshot, plan_free);
	int r = conf_read_file(path, &edge_section, &plan->conf, &root);
	if (r < 0) {
		free(plan);
		return err_pass(r);
	}
	plan->edge = root;
	r = tickets_make(plan, before);
	if (!before)
		key_log_open(plan);
	if (r == 0)
		r = plan_fill(plan, before);
	if (r == 0 && conf_n_errors(plan->conf) > 0) {
		conf_print_errors(plan->conf, errors);
		r = EDGE_PLAN_WRONG;
	}
	if (r != 0) {
		edge_plan_unref(plan);
		return r < 0 ? err_pass(r) : r;
	}
	*ret_plan = plan;
	return EDGE_PLAN_MADE;
}
