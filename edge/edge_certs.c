/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_certs: from the configuration to sets of certificates.
 */
#include "edge/edge_certs.h"

#include <sys/stat.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/obj.h"
#include "edge/listen/listener.h"

static void certs_free(struct snapshot *snapshot)
{
	struct edge_certs *certs = CONTAINER_OF(snapshot, struct edge_certs, snapshot);

	for (size_t i = 0; i < certs->n_sets; i++)
		cert_set_unref(certs->sets[i]);
	free(certs);
}

static struct span listener_alpn(const struct listener_section *listener)
{
	switch ((enum listener_http)listener->http) {
	case LISTENER_HTTP_BOTH:
		return SPAN_LIT("\x02h2\x08http/1.1");
	case LISTENER_HTTP1:
		return SPAN_LIT("\x08http/1.1");
	case LISTENER_HTTP2:
		return SPAN_LIT("\x02h2");
	}
	UNREACHABLE();
}

static struct cert_set_conf set_conf(const struct edge_conf *edge,
				     const struct listener_section *listener,
				     struct tls_tickets *tickets)
{
	const struct listener_tls_conf *tls = &listener->tls;
	const struct client_certificate_conf *client = &tls->client_certificate;
	const struct span alpn = listener_alpn(listener);

	return (struct cert_set_conf){
		.server = { .min_version = tls->min_version,
			    .max_version = tls->max_version,
			    .ciphers = tls->ciphers,
			    .cipher_suites = tls->cipher_suites,
			    .groups = tls->groups,
			    .alpn = alpn.at,
			    .alpn_len = alpn.len,
			    .tickets = tickets,
			    .session_timeout_s = edge->tls.session_timeout_ms / MS_PER_S,
			    .policy = listener->name,
			    .client_ca_file = client->set ? client->ca : NULL,
			    .client_required = client->verify == CLIENT_VERIFY_REQUIRED,
			    .client_crl_file = client->set ? client->crl : NULL,
			    .client_depth = (int)client->depth },
		.strict_sni = tls->strict_sni,
	};
}

static int set_make(const struct cert_set_conf *conf, const struct listener_section *listener,
		    edge_certs_fault_fn fault, void *arg, struct cert_set **ret_set)
{
	int r = cert_set_new(conf, ret_set);

	for (size_t i = 0; r == 0 && i < listener->tls.n_certificates; i++) {
		const struct certificate_conf *certificate = &listener->tls.certificates[i];
		char text[CERT_ERROR_TEXT] = "";
		if (!certificate->certificate)
			continue; /* that was said */
		r = cert_set_add(*ret_set, certificate->certificate, certificate->key, text);
		if (r == -ENOMEM)
			break;
		if (r < 0)
			fault(arg, &certificate->certificate, text);
		r = 0;
	}
	return err_pass(r);
}

int edge_certs_new(const struct edge_conf *edge, struct tls_tickets *tickets,
		   edge_certs_fault_fn fault, void *arg, struct edge_certs **ret_certs)
{
	struct edge_certs *certs =
		calloc(1, sizeof(*certs) + edge->n_listeners * sizeof(struct cert_set *));

	if (!certs)
		return err_new(-ENOMEM);
	snapshot_init(&certs->snapshot, certs_free);
	certs->n_sets = edge->n_listeners;
	certs->stamp = edge_certs_stamp(edge);
	for (size_t i = 0; i < edge->n_listeners; i++) {
		const struct listener_section *listener = &edge->listeners[i];
		if (!listener->tls.set)
			continue;
		const struct cert_set_conf conf = set_conf(edge, listener, tickets);
		int r = set_make(&conf, listener, fault, arg, &certs->sets[i]);
		if (r < 0) {
			edge_certs_unref(certs);
			return err_pass(r);
		}
	}
	*ret_certs = certs;
	return 0;
}

static uint64_t file_stamp(uint64_t before, const char *file)
{
	struct stat st;
	struct {
		uint64_t before, inode, size, s, ns;
	} facts = { .before = before };

	if (!file)
		return before;
	if (stat(file, &st) == 0) {
		facts.inode = st.st_ino;
		facts.size = (uint64_t)st.st_size;
		facts.s = (uint64_t)st.st_mtim.tv_sec;
		facts.ns = (uint64_t)st.st_mtim.tv_nsec;
	}
	return hash_fixed(span_of(&facts, sizeof(facts)), 0);
}

uint64_t edge_certs_stamp(const struct edge_conf *edge)
{
	uint64_t stamp = 0;

	for (size_t i = 0; i < edge->n_listeners; i++) {
		const struct listener_tls_conf *tls = &edge->listeners[i].tls;
		for (size_t k = 0; tls->set && k < tls->n_certificates; k++) {
			stamp = file_stamp(stamp, tls->certificates[k].certificate);
			stamp = file_stamp(stamp, tls->certificates[k].key);
		}
		stamp = file_stamp(stamp, tls->client_certificate.ca);
		stamp = file_stamp(stamp, tls->client_certificate.crl);
	}
	return stamp;
}
