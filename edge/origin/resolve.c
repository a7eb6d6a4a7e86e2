/* SPDX-License-Identifier: Apache-2.0
 *
 * resolve: a question, a timer, and the set of addresses. Servers rotate their answers, so the
 * addresses are sorted before they are compared.
 */
#include "edge/origin/resolve.h"

#include <stdio.h>

#include "core/error.h"
#include "core/log.h"
#include "core/obj.h"

#define RESOLVE_KIND OBJ_KIND('r', 's', 'l', 'e')

enum { MIN_TTL_MS = 1000, AGAIN_MS = 2000, HOST_BYTES = 256 };

struct resolve {
	uint32_t kind;
	struct resolve_setup setup;
	struct loop_timer timer;
	char host[HOST_BYTES];
	uint16_t port;
	bool answered, failing;
	size_t n_addrs;
	struct addr addrs[RESOLVER_MAX_ADDRS];
};

bool resolve_split(struct span server, struct span *ret_host, uint16_t *ret_port)
{
	size_t colon = server.len;
	uint64_t port;

	while (colon > 0 && server.at[colon - 1] != ':')
		colon--;
	if (colon < 2 || !span_to_u64(span_from(server, colon), UINT16_MAX, &port) || port == 0)
		return false;
	struct span host = span_first(server, colon - 1);
	if (host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = span_of(host.at + 1, host.len - 2);
	if (host.len >= HOST_BYTES)
		return false;
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return true;
}

int64_t resolve_ttl_ms(uint32_t ttl_s, int64_t max_ttl_ms)
{
	return MAX(MIN_TTL_MS, MIN((int64_t)ttl_s * MS_PER_S, max_ttl_ms));
}

static int compare_addrs(const void *a, const void *b)
{
	struct span left = addr_ip(a), right = addr_ip(b);

	if (left.len != right.len)
		return left.len < right.len ? -1 : 1;
	return memcmp(left.at, right.at, left.len);
}

/* True when it is another set than before. */
static bool addrs_take(struct resolve *resolve, const struct resolved *resolved)
{
	struct addr addrs[RESOLVER_MAX_ADDRS];
	bool same = resolved->n_addrs == resolve->n_addrs;

	for (size_t i = 0; i < resolved->n_addrs; i++) {
		addrs[i] = resolved->addrs[i];
		addr_set_port(&addrs[i], resolve->port);
	}
	qsort(addrs, resolved->n_addrs, sizeof(*addrs), compare_addrs);
	for (size_t i = 0; same && i < resolved->n_addrs; i++)
		same = addr_eq(&addrs[i], &resolve->addrs[i]);
	if (same)
		return false;
	memcpy(resolve->addrs, addrs, resolved->n_addrs * sizeof(*addrs));
	resolve->n_addrs = resolved->n_addrs;
	return true;
}

static void ask_again(struct resolve *resolve, int64_t delay_ms)
{
	loop_timer_set(&resolve->timer, mono_add_ms(loop_now(resolve->setup.loop), delay_ms));
}

static void failure_log(struct resolve *resolve, int r)
{
	if (!resolve->failing)
		LOG_WARN("origin.unresolved", kv_str("server", resolve->setup.server),
			 kv_uint("known_addresses", resolve->n_addrs),
			 kv_str("error",
				r == -ENOENT ? "no such name, or no address" : err_text(r)));
	resolve->failing = true;
}

static void on_resolved(const struct resolved *resolved, void *arg)
{
	struct resolve *resolve = OBJ_CAST(struct resolve, arg, RESOLVE_KIND);
	bool first = !resolve->answered, changed = false;

	resolve->answered = true;
	if (resolved->r < 0) {
		failure_log(resolve, resolved->r);
		ask_again(resolve, AGAIN_MS);
	} else {
		resolve->failing = false;
		changed = addrs_take(resolve, resolved);
		if (resolved->ttl_s != UINT32_MAX) /* not an address as itself */
			ask_again(resolve,
				  resolve_ttl_ms(resolved->ttl_s, resolve->setup.max_ttl_ms));
	}
	if (first || changed)
		resolve->setup.on_change(resolve->setup.arg);
}

static void on_timer(void *arg)
{
	struct resolve *resolve = OBJ_CAST(struct resolve, arg, RESOLVE_KIND);
	int r = resolver_ask(resolve->setup.resolver, resolve->host, on_resolved, resolve);

	if (r < 0) {
		failure_log(resolve, r);
		ask_again(resolve, AGAIN_MS);
	}
}

int resolve_start(const struct resolve_setup *setup, struct resolve **ret_resolve)
{
	struct resolve *resolve = OBJ_NEW(struct resolve, RESOLVE_KIND);
	struct span host;

	if (!resolve)
		return err_new(-ENOMEM);
	if (!resolve_split(span_str(setup->server), &host, &resolve->port)) {
		OBJ_FREE(resolve);
		return err_new(-EINVAL);
	}
	snprintf(resolve->host, HOST_BYTES, "%.*s", SPAN_FMT(host));
	resolve->setup = *setup;
	resolve->n_addrs = MIN(setup->n_known, RESOLVER_MAX_ADDRS);
	for (size_t i = 0; i < resolve->n_addrs; i++)
		resolve->addrs[i] = setup->known[i];
	loop_timer_init(&resolve->timer, setup->loop, on_timer, resolve);
	on_timer(resolve);
	*ret_resolve = resolve;
	return 0;
}

void resolve_free(struct resolve *resolve)
{
	if (!resolve)
		return;
	loop_timer_stop(&resolve->timer);
	OBJ_FREE(resolve);
}

const struct addr *resolve_addrs(const struct resolve *resolve, size_t *ret_n)
{
	*ret_n = resolve->n_addrs;
	return resolve->addrs;
}

bool resolve_answered(const struct resolve *resolve)
{
	return resolve->answered;
}
