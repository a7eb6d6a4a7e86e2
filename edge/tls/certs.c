/* SPDX-License-Identifier: Apache-2.0
 *
 * certs: a table from names to TLS contexts. A wildcard stands in it without its asterisk
 * (".example.com"), so that a lookup is two finds: the name, and what follows its first label.
 */
#include "edge/tls/certs.h"

#include <stdatomic.h>
#include <stdio.h>

#include "core/error.h"
#include "core/obj.h"
#include "core/table.h"

#define CERT_SET_KIND OBJ_KIND('c', 'e', 'r', 't')

struct cert_name {
	UT_hash_handle hh;
	struct tls_context *tls; /* borrowed from the set */
	size_t len;
	uint8_t text[];
};

/* One certificate, or two with different keys for the same names. */
struct context {
	struct tls_context *tls; /* owned */
	uint64_t names_hash;     /* of all its names, whatever their order */
	bool paired;
};

struct cert_set {
	uint32_t kind;
	_Atomic uint32_t n_refs;
	struct cert_set_conf conf;
	struct context *contexts; /* in order of their adding */
	size_t n_contexts;
	struct cert_name *names;
};

static void set_free(struct cert_set *set)
{
	struct cert_name *name, *next;

	TABLE_FOREACH (set->names, name, next) {
		TABLE_DELETE(set->names, name);
		free(name);
	}
	for (size_t i = 0; i < set->n_contexts; i++)
		tls_unref(set->contexts[i].tls);
	free(set->contexts);
	OBJ_FREE(set);
}

int cert_set_new(const struct cert_set_conf *conf, struct cert_set **ret_set)
{
	struct cert_set *set = OBJ_NEW(struct cert_set, CERT_SET_KIND);

	if (!set)
		return err_new(-ENOMEM);
	set->n_refs = 1;
	set->conf = *conf;
	if (!conf->server.min_version)
		set->conf.server.min_version = 0x0303;
	if (!conf->server.max_version)
		set->conf.server.max_version = 0x0304;
	*ret_set = set;
	return 0;
}

struct cert_set *cert_set_ref(struct cert_set *set)
{
	MUST(set->kind == CERT_SET_KIND);
	atomic_fetch_add_explicit(&set->n_refs, 1, memory_order_relaxed);
	return set;
}

void cert_set_unref(struct cert_set *set)
{
	if (!set)
		return;
	MUST(set->kind == CERT_SET_KIND);
	if (atomic_fetch_sub_explicit(&set->n_refs, 1, memory_order_acq_rel) == 1)
		set_free(set);
}

/* ---- building ---- */

struct naming {
	struct cert_set *set;
	struct tls_context *tls;
	bool failed;
};

static struct cert_name *name_find(const struct cert_set *set, struct span text)
{
	struct cert_name *name;

	TABLE_FIND(set->names, text, name);
	return name;
}

/* One name of a certificate. An asterisk counts as the whole first label alone (RFC 6125 6.4.3). */
static void on_name(struct span text, void *arg)
{
	struct naming *naming = arg;

	if (span_starts(text, SPAN_LIT("*.")))
		text = span_from(text, 1);
	if (naming->failed || text.len == 0 || span_find(text, '*') < text.len ||
	    name_find(naming->set, text))
		return;
	struct cert_name *name = calloc(1, sizeof(*name) + text.len);
	if (!name) {
		naming->failed = true;
		return;
	}
	name->tls = naming->tls;
	name->len = text.len;
	memcpy(name->text, text.at, text.len);
	if (!TABLE_ADD(naming->set->names, span_of(name->text, name->len), name)) {
		free(name);
		naming->failed = true;
	}
}

static void names_forget(struct cert_set *set, const struct tls_context *tls)
{
	struct cert_name *name, *next;

	TABLE_FOREACH (set->names, name, next) {
		if (name->tls != tls)
			continue;
		TABLE_DELETE(set->names, name);
		free(name);
	}
}

static struct tls_context *on_sni(struct span name, void *arg)
{
	return cert_set_find(OBJ_CAST(struct cert_set, arg, CERT_SET_KIND), name);
}

static void hash_name(struct span name, void *arg)
{
	uint64_t *hash = arg;

	*hash += hash_fixed(name, 0);
}

static uint64_t names_hash(const struct tls_context *tls)
{
	uint64_t hash = 0;

	tls_server_names(tls, hash_name, &hash);
	return hash;
}

/* The context is moved. */
static int context_add(struct cert_set *set, struct tls_context *tls)
{
	struct naming naming = { .set = set, .tls = tls };
	struct context *contexts =
		realloc(set->contexts, (set->n_contexts + 1) * sizeof(*contexts));

	if (contexts)
		set->contexts = contexts;
	else
		naming.failed = true;
	tls_server_names(tls, on_name, &naming);
	if (naming.failed) {
		names_forget(set, tls);
		tls_unref(tls);
		return err_new(-ENOMEM);
	}
	set->contexts[set->n_contexts++] =
		(struct context){ .tls = tls, .names_hash = names_hash(tls) };
	if (set->n_contexts == 1)
		tls_server_set_sni(tls, on_sni, set);
	return 0;
}

/* A context with the same names, which has no key of this type. NULL: none. */
static struct context *partner_find(const struct cert_set *set, const struct tls_context *tls)
{
	uint64_t hash = names_hash(tls);

	for (size_t i = 0; i < set->n_contexts; i++) {
		struct context *context = &set->contexts[i];
		if (context->names_hash == hash && !context->paired &&
		    tls_server_key_type(context->tls) != tls_server_key_type(tls))
			return context;
	}
	return NULL;
}

int cert_set_add(struct cert_set *set, const char *certificate_file, const char *key_file,
		 char *reterr)
{
	struct tls_server_conf conf = set->conf.server;
	struct tls_context *tls;

	MUST(set->kind == CERT_SET_KIND);
	conf.certificate_file = certificate_file;
	conf.key_file = key_file;
	int r = tls_server_new(&conf, &tls, reterr);
	if (r < 0)
		return err_pass(r);
	struct context *partner = partner_find(set, tls);
	if (partner) {
		tls_unref(tls);
		partner->paired = true;
		return err_pass(tls_server_add(partner->tls, certificate_file, key_file, reterr));
	}
	r = context_add(set, tls);
	if (r < 0)
		snprintf(reterr, CERT_ERROR_TEXT, "%.160s: %s", certificate_file, err_text(r));
	return r < 0 ? err_pass(r) : 0;
}

/* ---- asking ---- */

size_t cert_set_count(const struct cert_set *set)
{
	return set->n_contexts;
}

struct tls_context *cert_set_at(const struct cert_set *set, size_t i)
{
	MUST(i < set->n_contexts);
	return set->contexts[i].tls;
}

struct tls_context *cert_set_context(const struct cert_set *set)
{
	return set->n_contexts ? set->contexts[0].tls : NULL;
}

struct tls_context *cert_set_find(const struct cert_set *set, struct span text)
{
	struct cert_name *name = NULL;

	if (text.len && text.at[text.len - 1] == '.')
		text.len--;
	if (text.len && text.at[0] != '.')
		name = name_find(set, text);
	size_t dot = span_find(text, '.');
	if (!name && dot > 0 && dot < text.len)
		name = name_find(set, span_from(text, dot));
	if (name)
		return name->tls;
	return set->conf.strict_sni ? NULL : cert_set_context(set);
}
