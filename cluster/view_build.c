/* SPDX-License-Identifier: Apache-2.0
 *
 * view_build: from the core's members to a view: certificates and facts, decoded. A fact that does
 * not make sense, or is not its owner's to make, is left out, and the member stands there without
 * it.
 */
#include <stdlib.h>

#include "cluster/cluster_priv.h"
#include "cluster/wire/content.h"
#include "core/error.h"
#include "core/obj.h"

static const struct swim_fact *fact_of(const struct member *member, uint32_t key)
{
	const struct fact *fact = facts_find(&member->facts, key);

	return fact ? &fact->said : NULL;
}

static void add_node(struct door *door, const struct member *member, struct view *view,
		     struct view_member *out)
{
	const struct swim_fact *fact = fact_of(member, CONTENT_NODE);
	struct content_node node;

	out->version = "";
	if (!fact || !content_unpack_node(door, fact->bytes, &node))
		return;
	out->has_location = node.has_location;
	out->latitude = node.latitude;
	out->longitude = node.longitude;
	memcpy(out->addresses, node.addresses, sizeof(out->addresses));
	out->n_addresses = node.n_addresses;
	out->capacity_rps = node.capacity_rps;
	const char *version = view_str(view, node.version);
	if (version)
		out->version = version;
}

static void add_load(struct door *door, const struct member *member, struct view_member *out)
{
	const struct swim_fact *load_fact = fact_of(member, CONTENT_LOAD);
	const struct swim_fact *drain_fact = fact_of(member, CONTENT_DRAIN);
	struct content_load load;

	if (load_fact && content_allowed(CONTENT_LOAD, out->roles) &&
	    content_unpack_load(door, load_fact->bytes, &load)) {
		out->load_rps = load.requests_per_second;
		out->open_connections = load.open_connections;
	}
	if (drain_fact)
		(void)content_unpack_drain(door, drain_fact->bytes, &out->draining);
}

static int compare_services(const void *a, const void *b)
{
	const struct view_service *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void add_services(struct door *door, const struct member *member, struct view *view,
			 struct view_member *out)
{
	size_t n_pages = 0, n = 0, n_new;

	if (!content_allowed(CONTENT_SERVICES, out->roles))
		return;
	for (uint32_t page = 0; page < CONTENT_MAX_PAGES; page++)
		n_pages += fact_of(member, CONTENT_SERVICES + page) != NULL;
	struct view_service *services = view_services(view, n_pages * CONTENT_PAGE_SERVICES);
	if (!services || n_pages == 0)
		return;
	for (uint32_t page = 0; page < CONTENT_MAX_PAGES; page++) {
		const struct swim_fact *fact = fact_of(member, CONTENT_SERVICES + page);

		if (fact && content_unpack_services(door, fact->bytes, view, services + n, &n_new))
			n += n_new;
	}
	qsort(services, n, sizeof(services[0]), compare_services);
	out->services = services;
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(services[i].name, services[i - 1].name) != 0)
			services[out->n_services++] = services[i];
	}
}

static void add_member(struct cluster *cluster, const struct member *member, struct view *view,
		       struct view_member *out)
{
	const struct certificate *certificate = proof_certificate(&cluster->proof, member);

	out->id = member->id;
	out->state = member->state;
	out->incarnation = member->incarnation;
	out->gossip_addr = member->alive.addr;
	out->name = view_str(view, certificate->name);
	out->region = view_str(view, certificate->region);
	out->roles = certificate->roles;
	add_node(&cluster->in, member, view, out);
	add_load(&cluster->in, member, out);
	add_services(&cluster->in, member, view, out);
}

struct known {
	const struct member *member;
};

static int compare_members(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return memcmp(x->member->id.bytes, y->member->id.bytes, MEMBER_ID_BYTES);
}

/* Those whom a view can name. Owned by the caller. */
static struct known *known_members(struct cluster *cluster, size_t *ret_n)
{
	size_t n_all, n = 0;
	const struct member *const *all = swim_members(cluster->swim, &n_all);
	struct known *known = calloc(n_all + 1, sizeof(*known));

	for (size_t i = 0; known && i < n_all; i++) {
		if (proof_certificate(&cluster->proof, all[i]))
			known[n++].member = all[i];
	}
	if (known)
		qsort(known, n, sizeof(known[0]), compare_members);
	*ret_n = n;
	return known;
}

struct view *view_build(struct cluster *cluster)
{
	size_t n = 0;
	struct known *known = known_members(cluster, &n);
	struct view *view = known ? view_new(n) : NULL;
	bool whole = view != NULL;

	for (size_t i = 0; whole && i < n; i++) {
		add_member(cluster, known[i].member, view, &view->members[i]);
		whole = view->members[i].name && view->members[i].region;
	}
	free(known);
	if (!whole) {
		view_unref(view);
		return NULL;
	}
	view->self = cluster->identity->certificate.id;
	view->number = ++cluster->view_number;
	return view;
}

struct view_mail {
	struct mail mail;
	struct view *view; /* one reference */
	cluster_view_fn fn;
	void *arg;
};

static void on_view_mail(struct mail *mail, bool dropped)
{
	struct view_mail *view_mail = CONTAINER_OF(mail, struct view_mail, mail);

	if (dropped)
		view_unref(view_mail->view);
	else
		view_mail->fn(view_mail->view, view_mail->arg);
	free(view_mail);
}

int view_give(struct view *view, const struct subscriber *to)
{
	struct view_mail *mail = calloc(1, sizeof(*mail));

	if (!mail)
		return err_new(-ENOMEM);
	mail->mail.fn = on_view_mail;
	mail->view = view_ref(view);
	mail->fn = to->fn;
	mail->arg = to->arg;
	mailbox_post(to->mailbox, &mail->mail);
	return 0;
}
