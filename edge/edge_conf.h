/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_conf: the configuration file of meridian-edge, bound to structs. What one table cannot say
 * is checked by edge_conf_check(); what needs files read, by edge_plan.h.
 */
#pragma once

#include "cluster/cluster_conf.h"
#include "core/common_conf.h"
#include "edge/cache/store.h"
#include "edge/exchange/forward.h"
#include "edge/origin/pool_conf.h"
#include "edge/route/service.h"

struct certificate_conf {
	const char *certificate, *key; /* key: NULL: it stands beside the certificate */
};

enum client_verify { CLIENT_VERIFY_REQUIRED, CLIENT_VERIFY_OPTIONAL };

/* What is the same for all listeners. */
struct tls_section_conf {
	int64_t session_timeout_ms, ticket_rotation_ms;
	const char *key_log; /* NULL: none */
};

struct listener_section {
	const char *name;
	struct addr address;
	int http; /* enum listener_http */
	struct proxy_protocol_conf {
		bool set;
		struct prefix *trusted;
		size_t n_trusted;
	} proxy_protocol;
	struct listener_tls_conf {
		bool set;
		struct certificate_conf *certificates;
		size_t n_certificates;
		int min_version, max_version;                 /* 0x0303, 0x0304 */
		const char *ciphers, *cipher_suites, *groups; /* NULL: the usual ones */
		bool strict_sni, ocsp_stapling;
		struct client_certificate_conf {
			bool set;
			const char *ca, *crl; /* crl: NULL: none */
			int verify;           /* enum client_verify */
			uint32_t depth;
		} client_certificate;
	} tls;
};

struct timeouts_conf {
	int64_t client_header_ms, client_body_ms, client_write_ms, keep_alive_ms;
	int64_t tls_handshake_ms, linger_ms;
	int64_t total_ms; /* 0: none */
	int64_t tunnel_idle_ms;
	int64_t drain_notice_ms, drain_ms;
};

struct limits_conf {
	uint64_t request_line_bytes, request_head_bytes, response_head_bytes;
	uint32_t request_fields;
	uint32_t connections;   /* of one listener in one worker */
	uint64_t buffers_bytes; /* of one worker */
	uint32_t splice_pipes;  /* likewise; 0: none */
};

struct http2_section {
	uint32_t max_streams;
	uint64_t window_bytes;
	uint32_t resets, resets_per_s, control_frames, control_frames_per_s;
};

struct access_log_conf {
	bool set;
	const char *file; /* NULL: standard error */
	int format;       /* enum facts_escape: text or JSON */
	const char *template;
};

struct resolver_section {
	struct addr *servers;
	size_t n_servers;
	int64_t timeout_ms, max_ttl_ms;
	uint32_t tries;
};

struct edge_conf {
	struct node_conf node;
	struct cluster_section_conf {
		bool set;
		struct cluster_conf conf;
	} cluster;
	struct admin_section admin;
	struct log_section log;
	struct process_section process;
	uint32_t workers; /* 0: as many as there are processors */
	struct listener_section *listeners;
	size_t n_listeners;
	struct pool_conf *pools;
	size_t n_pools;
	struct cache_conf *stores;
	size_t n_stores;
	struct service_conf *services;
	size_t n_services;
	struct timeouts_conf timeouts;
	struct limits_conf limits;
	struct http2_section http2;
	struct tls_section_conf tls;
	struct forward_conf forwarded;
	struct access_log_conf access_log;
	struct error_page_conf *error_pages;
	size_t n_error_pages;
	struct resolver_section resolver;
};

extern const struct conf_section edge_section;

/* Adds what it finds to conf's errors. */
void edge_conf_check(struct conf *conf, const struct edge_conf *edge);
