/* SPDX-License-Identifier: Apache-2.0
 *
 * edge_conf: the tables. Every key has its unit, range, default and help here, and nowhere else:
 * the reference page is printed from them.
 */
#include "edge/edge_conf.h"

#include "core/net/proxy_protocol.h"
#include "edge/balance/pool.h"
#include "edge/listen/listener.h"
#include "edge/report/facts.h"

/* clang-format off */
enum { S = 1000, DAY_MS = 86400 * S };

/* ---- listeners ---- */

static const struct conf_choice tls_versions[] = { { "1.2", 0x0303 }, { "1.3", 0x0304 }, { NULL, 0 } };

static const struct conf_key certificate_keys[] = {
	CONF_PATH(struct certificate_conf, certificate, CONF_REQUIRED, CONF_NO_INITIAL, "PEM file: the certificate, then those between it and its authority"),
	CONF_PATH(struct certificate_conf, key,         CONF_OPTIONAL, CONF_NO_INITIAL, "PEM file: its private key; none: it stands in the file of the certificate"),
	CONF_END
};
static const struct conf_section certificate_section = {
	.name = "listeners[].tls.certificates[]", .struct_size = sizeof(struct certificate_conf), .keys = certificate_keys,
	.help = "A certificate is chosen by the name that the client asks for (SNI); the first serves who asks for none. Two with the same names, one with an ECDSA and one with an RSA key, stand side by side. Changed files are read within seconds; a bad one leaves what was there.",
};

static const struct conf_choice client_verifies[] = { { "required", CLIENT_VERIFY_REQUIRED }, { "optional", CLIENT_VERIFY_OPTIONAL }, { NULL, 0 } };
static const struct conf_key client_certificate_keys[] = {
	CONF_PATH  (struct client_certificate_conf, ca, CONF_REQUIRED, CONF_NO_INITIAL, "PEM file of the authorities that clients' certificates are from"),
	CONF_CHOICE(struct client_certificate_conf, verify, client_verifies, "required", "`optional`: who has none is let in, and `$tls_client_verify` says so; who has a bad one is not"),
	CONF_PATH  (struct client_certificate_conf, crl, CONF_OPTIONAL, CONF_NO_INITIAL, "PEM file of revocation lists, one for each authority"),
	CONF_COUNT (struct client_certificate_conf, depth, 0, 100, "0", "of the chain between; 0: as many as OpenSSL takes"),
	CONF_END
};
static const struct conf_section client_certificate_section = {
	.name = "listeners[].tls.client_certificate", .struct_size = sizeof(struct client_certificate_conf), .keys = client_certificate_keys,
	.help = "With it, clients are asked for a certificate.",
};

static const struct conf_key listener_tls_keys[] = {
	CONF_LIST  (struct listener_tls_conf, certificates, n_certificates, &certificate_section, CONF_REQUIRED, "at least one"),
	CONF_CHOICE(struct listener_tls_conf, min_version, tls_versions, "1.2", "the oldest version of TLS that is spoken"),
	CONF_CHOICE(struct listener_tls_conf, max_version, tls_versions, "1.3", "the newest"),
	CONF_STRING(struct listener_tls_conf, ciphers, CONF_OPTIONAL, CONF_NO_INITIAL, "of TLS 1.2, best first, as OpenSSL writes them; none: Mozilla's intermediate list, forward secrecy and AEAD alone. ChaCha20 comes first for clients that put it first"),
	CONF_STRING(struct listener_tls_conf, cipher_suites, CONF_OPTIONAL, CONF_NO_INITIAL, "of TLS 1.3, likewise; none: AES-128-GCM, AES-256-GCM, ChaCha20"),
	CONF_STRING(struct listener_tls_conf, groups, CONF_OPTIONAL, CONF_NO_INITIAL, "of key exchange, best first; none: `X25519:P-256:P-384`"),
	CONF_BOOL  (struct listener_tls_conf, strict_sni, "false", "refuse who asks for a name that no certificate has, or for none"),
	CONF_BOOL  (struct listener_tls_conf, ocsp_stapling, "true", "ask the responder that a certificate names whether it was revoked, and give the answer to clients (its issuer must stand behind it in the file)"),
	CONF_SECTION_OPTIONAL(struct listener_tls_conf, client_certificate, &client_certificate_section, "certificates of clients"),
	CONF_END
};
static const struct conf_section listener_tls_section = {
	.name = "listeners[].tls", .struct_size = sizeof(struct listener_tls_conf), .keys = listener_tls_keys,
	.help = "With it, the listener speaks TLS.",
};

static const struct conf_choice listener_https[] = { { "both", LISTENER_HTTP_BOTH }, { "http1", LISTENER_HTTP1 }, { "http2", LISTENER_HTTP2 }, { NULL, 0 } };
static const struct conf_key proxy_protocol_keys[] = {
	CONF_LIST_OF(struct proxy_protocol_conf, trusted, n_trusted, CONF_TYPE_PREFIX, CONF_REQUIRED, "prefixes of the proxies in front of us: each of their connections must begin with a PROXY header, version 1 or 2; those of others have none"),
	CONF_END
};
static const struct conf_section proxy_protocol_section = {
	.name = "listeners[].proxy_protocol", .struct_size = sizeof(struct proxy_protocol_conf), .keys = proxy_protocol_keys,
	.help = "The client's address as a proxy of layer 4 tells it.",
};

static const struct conf_key listener_keys[] = {
	CONF_STRING(struct listener_section, name, CONF_REQUIRED, CONF_NO_INITIAL, "for logs"),
	CONF_SCALAR(struct listener_section, CONF_TYPE_ADDRESS, address, CONF_REQUIRED, "where clients connect"),
	CONF_CHOICE(struct listener_section, http, listener_https, "both", "which versions of HTTP: `http1`, `http2` or `both`: by ALPN with TLS, without it by how the client begins"),
	CONF_SECTION_OPTIONAL(struct listener_section, proxy_protocol, &proxy_protocol_section, "a PROXY header before all else"),
	CONF_SECTION_OPTIONAL(struct listener_section, tls, &listener_tls_section, "TLS to clients"),
	CONF_END
};
static const struct conf_section listener_section = {
	.name = "listeners[]", .struct_size = sizeof(struct listener_section), .keys = listener_keys,
	.help = "Where clients connect.",
};

static const struct conf_key tls_keys[] = {
	CONF_DURATION(struct tls_section_conf, "session_timeout", session_timeout_ms, 1 * S, 7 * DAY_MS, "2h", "how long a session may be resumed"),
	CONF_DURATION(struct tls_section_conf, "ticket_rotation", ticket_rotation_ms, 1 * S, 7 * DAY_MS, "8h", "how often the key of session tickets is replaced; the two before still open what they sealed"),
	CONF_PATH    (struct tls_section_conf, key_log, CONF_OPTIONAL, CONF_NO_INITIAL, "for debugging alone: the keys of all connections are written to this file, and who reads it reads the traffic. A change needs a restart"),
	CONF_END
};
static const struct conf_section tls_section = {
	.name = "tls", .struct_size = sizeof(struct tls_section_conf), .keys = tls_keys,
	.help = "What is the same for all listeners that speak TLS.",
};

/* ---- pools ---- */

static const struct conf_choice balance_policies[] = { { "round_robin", POOL_ROUND_ROBIN }, { NULL, 0 } };

static const struct conf_choice proxy_versions[] = { { "off", PROXY_OFF }, { "v1", PROXY_V1 }, { "v2", PROXY_V2 }, { NULL, 0 } };
static const struct conf_choice pool_protocols[] = { { "http1", POOL_HTTP1 }, { "http2", POOL_HTTP2 }, { "auto", POOL_AUTO }, { NULL, 0 } };

static const struct conf_key origin_keys[] = {
	CONF_SCALAR(struct origin_conf, CONF_TYPE_ENDPOINT, address, CONF_REQUIRED, "host:port; each address of a name is an origin of its own"),
	CONF_COUNT (struct origin_conf, weight, 1, 10000, "1", "its share of the requests, beside the others'"),
	CONF_END
};
static const struct conf_section origin_section = {
	.name = "pools[].origins[]", .struct_size = sizeof(struct origin_conf), .keys = origin_keys,
	.help = "A server behind us.",
};

static const struct conf_key pool_tls_keys[] = {
	CONF_BOOL  (struct pool_tls_conf, enabled, "true", "speak TLS to these origins"),
	CONF_PATH  (struct pool_tls_conf, ca, CONF_OPTIONAL, CONF_NO_INITIAL, "PEM file of the authorities to trust; none: the system's"),
	CONF_STRING(struct pool_tls_conf, server_name, CONF_OPTIONAL, CONF_NO_INITIAL, "the name to ask for and to verify; none: the origin's host"),
	CONF_BOOL  (struct pool_tls_conf, verify, "true", "verify the origin's certificate"),
	CONF_PATH  (struct pool_tls_conf, certificate, CONF_OPTIONAL, CONF_NO_INITIAL, "PEM file: what we show to an origin that asks who we are"),
	CONF_PATH  (struct pool_tls_conf, key, CONF_OPTIONAL, CONF_NO_INITIAL, "PEM file: its private key; none: it stands in the file of the certificate"),
	CONF_CHOICE(struct pool_tls_conf, min_version, tls_versions, "1.2", "the oldest version of TLS that is spoken to origins"),
	CONF_CHOICE(struct pool_tls_conf, max_version, tls_versions, "1.3", "the newest"),
	CONF_END
};
static const struct conf_section pool_tls_section = {
	.name = "pools[].tls", .struct_size = sizeof(struct pool_tls_conf), .keys = pool_tls_keys,
	.help = "TLS to the origins of a pool.",
};

static const struct conf_key http_check_keys[] = {
	CONF_STRING(struct http_check_conf, path, CONF_OPTIONAL, "/", "what is asked for, by GET"),
	CONF_STRING(struct http_check_conf, host, CONF_OPTIONAL, CONF_NO_INITIAL, "the Host to send; none: the origin's address as written"),
	{ .name = "expect", .type = CONF_TYPE_LIST, .offset = offsetof(struct http_check_conf, expect), .n_offset = offsetof(struct http_check_conf, n_expect),
	  .item = CONF_TYPE_COUNT, .has_range = true, .min = 100, .max = 599, .max_items = 64, .help = "statuses that pass; none: 200 to 399" },
	CONF_END
};
static const struct conf_section http_check_section = {
	.name = "pools[].health_check.http", .struct_size = sizeof(struct http_check_conf), .keys = http_check_keys,
	.help = "A check by HTTP.",
};

static const struct conf_key health_check_keys[] = {
	CONF_SECTION (struct health_check_conf, http, &http_check_section, CONF_REQUIRED, "what is asked"),
	CONF_DURATION(struct health_check_conf, "interval", interval_ms, 50, DAY_MS, "2s", "between two checks, give or take a tenth"),
	CONF_DURATION(struct health_check_conf, "timeout",  timeout_ms,  10, 60 * S, "2s", "for the whole answer"),
	CONF_COUNT   (struct health_check_conf, rise, 1, 100, "2", "checks in a row that make an origin up"),
	CONF_COUNT   (struct health_check_conf, fall, 1, 100, "3", "checks in a row that make it down"),
	CONF_END
};
static const struct conf_section health_check_section = {
	.name = "pools[].health_check", .struct_size = sizeof(struct health_check_conf), .keys = health_check_keys,
	.help = "Each origin is asked by each edge, once for all its workers. Without a check an origin counts as up.",
};

static const struct conf_key pool_keys[] = {
	CONF_STRING  (struct pool_conf, name, CONF_REQUIRED, CONF_NO_INITIAL, "used in routes and logs"),
	CONF_CHOICE  (struct pool_conf, balance, balance_policies, "round_robin", "how an origin is chosen"),
	CONF_LIST    (struct pool_conf, origins, n_origins, &origin_section, CONF_REQUIRED, "at least one"),
	CONF_DURATION(struct pool_conf, "connect_timeout",    connect_timeout_ms,    10, 600 * S, "2s",  "until TCP and TLS to an origin stand"),
	CONF_DURATION(struct pool_conf, "send_timeout",       send_timeout_ms,       10, DAY_MS,  "30s", "without progress in sending"),
	CONF_DURATION(struct pool_conf, "first_byte_timeout", first_byte_timeout_ms, 10, DAY_MS,  "60s", "from the request's end to the response's head"),
	CONF_DURATION(struct pool_conf, "read_timeout",       read_timeout_ms,       10, DAY_MS,  "60s", "without progress in the response's body"),
	CONF_COUNT   (struct pool_conf, retries, 0, 8, "2", "tries at other origins, while none can have begun to act on the request"),
	CONF_COUNT   (struct pool_conf, max_idle_connections, 0, 65536, "256", "kept open to one origin by one worker"),
	CONF_DURATION(struct pool_conf, "idle_timeout",       idle_timeout_ms,       10, DAY_MS,  "60s", "how long an idle connection is kept: less than the origin keeps it"),
	CONF_CHOICE  (struct pool_conf, proxy_protocol, proxy_versions, "off", "begin each connection with a PROXY header that names the client: `off`, `v1` or `v2`. Such a connection serves one request. Health checks begin with one, too, always of version 1"),
	CONF_CHOICE  (struct pool_conf, protocol, pool_protocols, "http1", "what is spoken to the origins: `http1`, `http2` (over TLS by ALPN, else by prior knowledge), or `auto`: what the origin chooses by ALPN"),
	CONF_SECTION_OPTIONAL(struct pool_conf, tls, &pool_tls_section, "TLS to the origins"),
	CONF_SECTION_OPTIONAL(struct pool_conf, health_check, &health_check_section, "how their health is found out"),
	CONF_END
};
static const struct conf_section pool_section = {
	.name = "pools[]", .struct_size = sizeof(struct pool_conf), .keys = pool_keys,
	.help = "A named group of origins.",
};

/* ---- stores ---- */

static const struct conf_key store_disk_keys[] = {
	CONF_PATH (struct cache_disk_conf, path, CONF_REQUIRED, CONF_NO_INITIAL, "a folder of its own, made if its parent is there; one process at a time uses it"),
	CONF_SIZE (struct cache_disk_conf, "size", size_bytes, 64ULL << 20, 1ULL << 46, "10GiB", "of all its files"),
	CONF_COUNT(struct cache_disk_conf, readers, 1, 64, "4", "threads that read"),
	CONF_END
};
static const struct conf_section store_disk_section = {
	.name = "stores[].disk", .struct_size = sizeof(struct cache_disk_conf), .keys = store_disk_keys,
	.help = "What is stored is written here, too, and found again after a restart. A full or failing disk turns this off, and it tries again. A change needs a restart.",
};

static const struct conf_key store_keys[] = {
	CONF_STRING  (struct cache_conf, name, CONF_REQUIRED, CONF_NO_INITIAL, "used in routes and logs"),
	CONF_SIZE    (struct cache_conf, "memory", memory_bytes, 1 << 20, 1ULL << 44, "256MiB", "for what is stored, all counted; what is being fetched comes on top"),
	CONF_DURATION(struct cache_conf, "inactive", inactive_ms, 0, 3650.0 * DAY_MS, "0s", "what nobody asked for so long goes, fresh or not; 0s: it goes when there is no room"),
	CONF_SECTION_OPTIONAL(struct cache_conf, disk, &store_disk_section, "the larger and slower half"),
	CONF_END
};
static const struct conf_section store_section = {
	.name = "stores[]", .struct_size = sizeof(struct cache_conf), .keys = store_keys,
	.help = "Memory for responses, shared by all workers. A reload keeps what is stored.",
};

/* ---- services ---- */

static const struct conf_key path_keys[] = {
	CONF_STRING(struct route_path_conf, prefix, CONF_REQUIRED, CONF_NO_INITIAL, "what the path begins with, byte for byte; the longest that fits wins"),
	CONF_END
};
static const struct conf_section path_section = {
	.name = "services[].routes[].path", .struct_size = sizeof(struct route_path_conf), .keys = path_keys,
	.help = "Which paths a route is for.",
};

static const struct conf_key proxy_keys[] = {
	CONF_STRING(struct route_proxy_conf, pool, CONF_REQUIRED, CONF_NO_INITIAL, "the pool that answers"),
	{ .name = "upgrade", .type = CONF_TYPE_LIST, .offset = offsetof(struct route_proxy_conf, upgrade), .n_offset = offsetof(struct route_proxy_conf, n_upgrade), .item = CONF_TYPE_STRING,
	  .set_offset = offsetof(struct route_proxy_conf, upgrade_set), .max_items = 16, .help = "protocols that a client may ask for (Upgrade, or HTTP/2's extended CONNECT); not given: `websocket`; `[]`: none" },
	CONF_SIZE  (struct route_proxy_conf, "buffer_request", buffer_request_bytes, 0, 1 << 30, "0", "read a request's body whole, up to this size, before an origin is asked; a larger one gets 413. 0: hand it on as it comes"),
	CONF_END
};
static const struct conf_section proxy_section = {
	.name = "services[].routes[].proxy", .struct_size = sizeof(struct route_proxy_conf), .keys = proxy_keys,
	.help = "Hands requests on to an origin.",
};

static const struct conf_key respond_keys[] = {
	CONF_COUNT (struct route_respond_conf, status, 200, 599, "200", "of the answer"),
	CONF_STRING(struct route_respond_conf, body, CONF_OPTIONAL, "", "of the answer"),
	CONF_STRING(struct route_respond_conf, content_type, CONF_OPTIONAL, "text/plain; charset=utf-8", "of the body"),
	CONF_END
};
static const struct conf_section respond_section = {
	.name = "services[].routes[].respond", .struct_size = sizeof(struct route_respond_conf), .keys = respond_keys,
	.help = "Answers by itself.",
};

static const struct conf_choice cache_queries[] = { { "all", CACHE_QUERY_ALL }, { "none", CACHE_QUERY_NONE }, { NULL, 0 } };
static const struct conf_key cache_key_keys[] = {
	CONF_BOOL   (struct cache_key_conf, scheme, "true",  "http and https are two"),
	CONF_BOOL   (struct cache_key_conf, host,   "true",  "each host, with its port, is another; false: all hosts of the service share what is stored, and a host that an origin reflects is reflected to all"),
	CONF_BOOL   (struct cache_key_conf, method, "false", "HEAD is another than GET: then it is not answered from a GET's response"),
	CONF_CHOICE (struct cache_key_conf, query, cache_queries, "all", "what follows the question mark: `all` of it as it came, or `none`"),
	CONF_LIST_OF(struct cache_key_conf, query_only, n_query_only, CONF_TYPE_STRING, CONF_OPTIONAL, "the parameters that count, `name` or `begin*`; the others do not reach the origin"),
	CONF_LIST_OF(struct cache_key_conf, query_except, n_query_except, CONF_TYPE_STRING, CONF_OPTIONAL, "the parameters that do not count, and do not reach the origin: `[utm_*, fbclid]`"),
	CONF_LIST_OF(struct cache_key_conf, headers, n_headers, CONF_TYPE_STRING, CONF_OPTIONAL, "fields of the request that count"),
	CONF_LIST_OF(struct cache_key_conf, cookies, n_cookies, CONF_TYPE_STRING, CONF_OPTIONAL, "cookies that count"),
	CONF_END
};
static const struct conf_section cache_key_section = {
	.name = "services[].routes[].cache.key", .struct_size = sizeof(struct cache_key_conf), .keys = cache_key_keys,
	.help = "What tells one stored response from another, beside what responses vary by. The path always counts, byte for byte. What does not count is not sent to the origin for a response that is shared.",
};

static const struct conf_key cache_valid_keys[] = {
	{ .name = "", .type = CONF_TYPE_DURATION, .offset = offsetof(struct cache_valid_conf, valid_ms), .has_range = true, .min = 0, .max = 3650.0 * DAY_MS, .help = "how long" },
	CONF_END
};
static const struct conf_section cache_valid_section = {
	.name = "services[].routes[].cache.valid", .struct_size = sizeof(struct cache_valid_conf), .keys = cache_valid_keys, .key_offset = offsetof(struct cache_valid_conf, status),
	.help = "How long a response is fresh that does not say so itself, by status: `200`, `4xx`, `any`; the first that fits.",
};

static const struct conf_choice cache_set_cookies[] = { { "explicit", CACHE_COOKIE_EXPLICIT }, { "refuse", CACHE_COOKIE_REFUSE }, { "strip", CACHE_COOKIE_STRIP }, { NULL, 0 } };
static const struct conf_key cache_keys[] = {
	CONF_STRING  (struct cache_rules_conf, store, CONF_REQUIRED, CONF_NO_INITIAL, "the store, by its name in `stores`"),
	CONF_MAP     (struct cache_rules_conf, valid, n_valid, &cache_valid_section, "how long a response is fresh that does not say so itself: `{\"200\": 60m, \"404\": 1m, any: 10s}`. `any` and `4xx` leave out what speaks of one request alone: 400, 406, 408, 411 to 417, 421 to 431"),
	CONF_SECTION (struct cache_rules_conf, key, &cache_key_section, CONF_OPTIONAL, "what tells one stored response from another"),
	CONF_LIST_OF (struct cache_rules_conf, bypass, n_bypass, CONF_TYPE_STRING, CONF_OPTIONAL, "ask the origin, and store what it says, when one of these, variables expanded, is neither empty nor `0`: `[$header_x_refresh]`"),
	CONF_LIST_OF (struct cache_rules_conf, no_store, n_no_store, CONF_TYPE_STRING, CONF_OPTIONAL, "store nothing of it, likewise"),
	CONF_LIST_OF (struct cache_rules_conf, ignore, n_ignore, CONF_TYPE_STRING, CONF_OPTIONAL, "fields of the response that have no say: `Cache-Control`, `Expires`, `Age`, `Vary`. What is private stays so only if the origin is asked"),
	{ .name = "targets", .type = CONF_TYPE_LIST, .offset = offsetof(struct cache_rules_conf, targets), .n_offset = offsetof(struct cache_rules_conf, n_targets), .item = CONF_TYPE_STRING,
	  .set_offset = offsetof(struct cache_rules_conf, targets_set), .max_items = 8, .help = "targeted fields (RFC 9213) that take the place of Cache-Control and Expires, the first that is there; not given: `[CDN-Cache-Control]`" },
	CONF_BOOL    (struct cache_rules_conf, requests, "true", "a client's Cache-Control has a say: it may ask for a fresher response, or for a stored one alone"),
	CONF_CHOICE  (struct cache_rules_conf, set_cookie, cache_set_cookies, "explicit", "a response that sets a cookie: `explicit`: stored if it says itself how long it is fresh; `refuse`: never; `strip`: stored without its cookies"),
	CONF_COUNT   (struct cache_rules_conf, min_uses, 1, 1000000, "1", "requests before a response is stored"),
	CONF_SIZE    (struct cache_rules_conf, "max_object", max_object_bytes, 0, 1ULL << 40, "64MiB", "a larger response passes through"),
	CONF_DURATION(struct cache_rules_conf, "stale_while_revalidate", swr_ms, 0, 3650.0 * DAY_MS, "0s", "how long a stale response may serve while the origin is asked, where it says neither yes nor no itself"),
	CONF_DURATION(struct cache_rules_conf, "stale_if_error", sie_ms, 0, 3650.0 * DAY_MS, "1h", "how long it may serve when the origin does not answer, or with 500, 502, 503 or 504, likewise"),
	CONF_DURATION(struct cache_rules_conf, "pass",  pass_ms,  0, DAY_MS, "10s", "how long it is remembered that a response was not to be stored: until then nobody waits for another's"),
	CONF_COUNT   (struct cache_rules_conf, heuristic_pct, 0, 100, "10", "of the time since Last-Modified, for how long a response is fresh that says nothing; 0: not at all"),
	CONF_DURATION(struct cache_rules_conf, "heuristic_max", heuristic_max_ms, 0, 3650.0 * DAY_MS, "1d", "and no longer"),
	CONF_LIST_OF (struct cache_rules_conf, compress, n_compress, CONF_TYPE_STRING, CONF_OPTIONAL, "content codings that stored bodies are kept in, too, made once: `[br, gzip]`, of equals the one that is named first"),
	{ .name = "compress_types", .type = CONF_TYPE_LIST, .offset = offsetof(struct cache_rules_conf, compress_types), .n_offset = offsetof(struct cache_rules_conf, n_compress_types), .item = CONF_TYPE_STRING,
	  .set_offset = offsetof(struct cache_rules_conf, compress_types_set), .max_items = 64, .help = "content types that are worth it, one `*` in each; not given: text, JSON, JavaScript, XML, SVG, fonts that are not compressed" },
	CONF_SIZE    (struct cache_rules_conf, "compress_min", compress_min_bytes, 1, 8 << 20, "1KiB", "a smaller body is left as it is"),
	CONF_BOOL    (struct cache_rules_conf, status_field, "true", "say in Cache-Status (RFC 9211) of what use the cache was"),
	CONF_END
};
static const struct conf_section cache_section = {
	.name = "services[].routes[].cache", .struct_size = sizeof(struct cache_rules_conf), .keys = cache_keys,
	.help = "Stores responses by RFC 9111, and answers from what is stored.",
};

static const struct conf_key route_keys[] = {
	CONF_SECTION(struct route_conf, path, &path_section, CONF_REQUIRED, "which paths it is for"),
	CONF_SECTION_OPTIONAL(struct route_conf, proxy,   &proxy_section,   "hand on to a pool"),
	CONF_SECTION_OPTIONAL(struct route_conf, respond, &respond_section, "answer by itself"),
	CONF_SECTION_OPTIONAL(struct route_conf, cache,   &cache_section,   "store what `proxy` brings"),
	CONF_SIZE   (struct route_conf, "max_body", max_body_bytes, 0, 1ULL << 50, "0", "of a request; a larger one gets 413. 0: as the service says"),
	CONF_END
};
static const struct conf_section route_section = {
	.name = "services[].routes[]", .struct_size = sizeof(struct route_conf), .keys = route_keys,
	.help = "What is done with some paths: exactly one of the actions.",
};

static const struct conf_key hsts_keys[] = {
	CONF_DURATION(struct hsts_conf, "max_age", max_age_ms, 0, 3 * 366LL * DAY_MS, "365d", "how long a browser comes by TLS alone; 0s: no longer"),
	CONF_BOOL    (struct hsts_conf, include_subdomains, "false", "also to all names below"),
	CONF_BOOL    (struct hsts_conf, preload, "false", "may be built into browsers"),
	CONF_END
};
static const struct conf_section hsts_section = {
	.name = "services[].hsts", .struct_size = sizeof(struct hsts_conf), .keys = hsts_keys,
	.help = "Strict-Transport-Security (RFC 6797), on every response that goes over TLS; an origin's gives way.",
};

static const struct conf_key error_page_keys[] = {
	{ .name = "status", .type = CONF_TYPE_LIST, .offset = offsetof(struct error_page_conf, status), .n_offset = offsetof(struct error_page_conf, n_status),
	  .item = CONF_TYPE_COUNT, .has_range = true, .min = 400, .max = 599, .max_items = 64, .required = true, .help = "for which it is" },
	CONF_PATH  (struct error_page_conf, file, CONF_OPTIONAL, CONF_NO_INITIAL, "the page; variables in it are expanded, and what is foreign in them is escaped for HTML. Read with the configuration"),
	CONF_STRING(struct error_page_conf, body, CONF_OPTIONAL, CONF_NO_INITIAL, "the page itself, instead of a file"),
	CONF_STRING(struct error_page_conf, content_type, CONF_OPTIONAL, "text/html; charset=utf-8", "of the page"),
	CONF_BOOL  (struct error_page_conf, intercept, "false", "also in place of an origin's answer with that status, whose WWW-Authenticate, Allow and Retry-After stay"),
	CONF_END
};
static const struct conf_section error_page_section = {
	.name = "error_pages[]", .struct_size = sizeof(struct error_page_conf), .keys = error_page_keys,
	.help = "What an error's answer says. A service's come before those of the whole edge; without any it is a line of text.",
};

static const struct conf_key service_keys[] = {
	CONF_STRING (struct service_conf, name, CONF_REQUIRED, CONF_NO_INITIAL, "the name that GTMs steer by"),
	CONF_LIST_OF(struct service_conf, hosts, n_hosts, CONF_TYPE_STRING, CONF_REQUIRED, "`www.example.com`, `*.example.com` for all below it, `*` for what nobody else has"),
	CONF_LIST   (struct service_conf, routes, n_routes, &route_section, CONF_REQUIRED, "at least one"),
	CONF_SIZE   (struct service_conf, "max_body", max_body_bytes, 0, 1ULL << 50, "0", "of a request's body; a larger one gets 413. 0: no limit, for bodies are streamed and cost no memory"),
	CONF_SECTION_OPTIONAL(struct service_conf, hsts, &hsts_section, "browsers come by TLS alone"),
	CONF_LIST   (struct service_conf, error_pages, n_error_pages, &error_page_section, CONF_OPTIONAL, "what an error's answer says"),
	CONF_BOOL   (struct service_conf, trace, "false", "hand TRACE on to origins, which may reflect what it carries; else it gets 405"),
	{ .name = "degraded_below", .type = CONF_TYPE_COUNT, .offset = offsetof(struct service_conf, degraded_below_pct), .has_range = true, .min = 0, .max = 100,
	  .initial = "50", .help = "percent of its origins' weight that must be up, or the cluster hears that the service is degraded; at 0 percent it is down" },
	CONF_END
};
static const struct conf_section service_section = {
	.name = "services[]", .struct_size = sizeof(struct service_conf), .keys = service_keys,
	.help = "Hosts and routes under one name.",
};

/* ---- the rest ---- */

static const struct conf_key timeouts_keys[] = {
	CONF_DURATION(struct timeouts_conf, "client_header", client_header_ms, 10, DAY_MS,   "30s", "for the whole head of a request, and for a PROXY header"),
	CONF_DURATION(struct timeouts_conf, "client_body",   client_body_ms,   10, DAY_MS,   "60s", "without progress in a request's body"),
	CONF_DURATION(struct timeouts_conf, "client_write",  client_write_ms,  10, DAY_MS,   "60s", "without progress in sending to a client"),
	CONF_DURATION(struct timeouts_conf, "keep_alive",    keep_alive_ms,    10, DAY_MS,   "75s", "until the next request on a connection"),
	CONF_DURATION(struct timeouts_conf, "tls_handshake", tls_handshake_ms, 10, 600 * S,  "10s", "for a client's TLS handshake"),
	CONF_DURATION(struct timeouts_conf, "linger",        linger_ms,        0,  600 * S,  "5s",  "how long what still comes is read and dropped after a connection's last response"),
	CONF_DURATION(struct timeouts_conf, "total",         total_ms,         0,  DAY_MS,   "0s",  "for a whole exchange; 0s: no limit"),
	CONF_DURATION(struct timeouts_conf, "tunnel_idle",   tunnel_idle_ms,   10, 7 * DAY_MS, "1h", "without a byte either way in a tunnel (WebSocket); `total` does not count for these"),
	CONF_DURATION(struct timeouts_conf, "drain_notice",  drain_notice_ms,  0,  DAY_MS,   "5s",  "after SIGTERM: how long everything is still served, while the GTMs move clients away"),
	CONF_DURATION(struct timeouts_conf, "drain",         drain_ms,         0,  DAY_MS,   "30s", "then: how long requests under way may take"),
	CONF_END
};
static const struct conf_section timeouts_section = {
	.name = "timeouts", .struct_size = sizeof(struct timeouts_conf), .keys = timeouts_keys,
	.help = "How long each step may take. Those towards origins are the pools'.",
};

static const struct conf_key limits_keys[] = {
	CONF_SIZE (struct limits_conf, "request_line",  request_line_bytes,  256,  16384, "8KiB",  "of a request's first line; a longer one gets 414"),
	CONF_SIZE (struct limits_conf, "request_head",  request_head_bytes,  1024, 16384, "16KiB", "of a request's head; a longer one gets 431"),
	CONF_COUNT(struct limits_conf, request_fields, 1, 100, "100", "of a request's head; more get 431"),
	CONF_SIZE (struct limits_conf, "response_head", response_head_bytes, 1024, 16384, "16KiB", "of an origin's head; a longer one makes 502"),
	CONF_COUNT(struct limits_conf, connections, 1, 10000000, "100000", "of one listener in one worker; more are closed at once"),
	CONF_SIZE (struct limits_conf, "buffers",       buffers_bytes, 1 << 20, 1ULL << 40, "512MiB", "of one worker, for bytes on their way"),
	CONF_COUNT(struct limits_conf, splice_pipes, 0, 1024, "32", "of one worker: large bodies pass in so many pipes of 1 MiB of the kernel's where neither side has TLS; what finds none is copied. 0: all are copied"),
	CONF_END
};
static const struct conf_section limits_section = {
	.name = "limits", .struct_size = sizeof(struct limits_conf), .keys = limits_keys,
	.help = "How much of something a stranger may make us hold.",
};

static const struct conf_key http2_keys[] = {
	CONF_COUNT(struct http2_section, max_streams, 1, 256, "100", "requests of one connection at a time"),
	CONF_SIZE (struct http2_section, "window", window_bytes, 65535, 192 * 1024, "128KiB", "of a request's body that is on its way and was not taken"),
	CONF_COUNT(struct http2_section, resets, 1, 1000000, "200", "requests that a connection may have broken off before their end, by the client's doing"),
	CONF_COUNT(struct http2_section, resets_per_s, 1, 1000000, "20", "how many of them are forgiven each second"),
	CONF_COUNT(struct http2_section, control_frames, 1, 10000000, "2000", "frames of a connection that carry nothing (pings, settings, window updates, empty data)"),
	CONF_COUNT(struct http2_section, control_frames_per_s, 1, 10000000, "1000", "how many of them are forgiven each second"),
	CONF_END
};
static const struct conf_section http2_section = {
	.name = "http2", .struct_size = sizeof(struct http2_section), .keys = http2_keys,
	.help = "HTTP/2 with clients. A connection over one of its budgets is closed, and counted as `client-abuse`.",
};

static const struct conf_choice forward_choices[] = {
	{ "append", FORWARD_FOR_APPEND }, { "replace", FORWARD_FOR_REPLACE }, { "off", FORWARD_FOR_OFF }, { NULL, 0 }
};
static const struct conf_choice request_id_accepts[] = { { "never", REQUEST_ID_NEVER }, { "trusted", REQUEST_ID_TRUSTED }, { "always", REQUEST_ID_ALWAYS }, { NULL, 0 } };
static const struct conf_choice client_froms[] = {
	{ "any", CLIENT_FROM_ANY }, { "x_forwarded_for", CLIENT_FROM_X_FORWARDED_FOR }, { "forwarded", CLIENT_FROM_FORWARDED }, { NULL, 0 }
};
static const struct conf_key forwarded_keys[] = {
	{ .name = "trusted", .type = CONF_TYPE_LIST, CONF_AT(struct forward_conf, client.trusted), .n_offset = offsetof(struct forward_conf, client.n_trusted), .item = CONF_TYPE_PREFIX, .help = "prefixes of the proxies in front of us: what they say of clients is believed and passed on; what anyone else says is dropped" },
	{ .name = "client_from", .type = CONF_TYPE_CHOICE, CONF_AT(struct forward_conf, client.from), .choices = client_froms, .initial = "any", .help = "where they say who the client is. `any`: in X-Forwarded-For, and without it in Forwarded; name the one that your proxies write if they let the other through as it comes" },
	CONF_CHOICE(struct forward_conf, x_forwarded_for, forward_choices, "append", "the address of who speaks to us: behind what a trusted proxy said, instead of it, or not at all"),
	CONF_BOOL  (struct forward_conf, x_forwarded_proto, "true", "`http` or `https`, as the client came, or as a trusted proxy says that it came"),
	CONF_BOOL  (struct forward_conf, x_forwarded_host,  "true", "the Host that the client asked for; likewise"),
	CONF_BOOL  (struct forward_conf, x_forwarded_port,  "false", "our port; likewise"),
	CONF_BOOL  (struct forward_conf, x_real_ip, "false", "the client's address alone, in X-Real-IP, whoever said it"),
	CONF_BOOL  (struct forward_conf, forwarded, "false", "all of it in one field, Forwarded (RFC 7239)"),
	CONF_BOOL  (struct forward_conf, client_certificate, "false", "what the client's certificate says: X-SSL-Client-Verify, -Subject, -Fingerprint, and Client-Cert (RFC 9440); what a client sends of these is dropped"),
	{ .name = "request_id", .type = CONF_TYPE_BOOL, CONF_AT(struct forward_conf, client.request_id), .initial = "false", .help = "each request has a number of its own, for the origin and in `$request_id`" },
	{ .name = "request_id_header", .type = CONF_TYPE_STRING, CONF_AT(struct forward_conf, client.request_id_header), .initial = "X-Request-ID", .help = "the field it stands in" },
	{ .name = "request_id_accept", .type = CONF_TYPE_CHOICE, CONF_AT(struct forward_conf, client.request_id_accept), .choices = request_id_accepts, .initial = "trusted", .help = "whose number is kept; else one is made" },
	CONF_STRING(struct forward_conf, via, CONF_OPTIONAL, "meridian", "our name in Via, both ways; empty: no Via"),
	CONF_END
};
static const struct conf_section forwarded_section = {
	.name = "forwarded", .struct_size = sizeof(struct forward_conf), .keys = forwarded_keys,
	.help = "What is added to requests and responses on their way through.",
};

static const struct conf_choice log_formats[] = { { "text", FACTS_ESCAPE_TEXT }, { "json", FACTS_ESCAPE_JSON }, { NULL, 0 } };
static const struct conf_key access_log_keys[] = {
	CONF_PATH  (struct access_log_conf, file, CONF_OPTIONAL, CONF_NO_INITIAL, "where to; none: standard error. SIGUSR1 opens it anew"),
	CONF_CHOICE(struct access_log_conf, format, log_formats, "text", "the built-in line, and how foreign bytes are escaped"),
	CONF_STRING(struct access_log_conf, template, CONF_OPTIONAL, CONF_NO_INITIAL, "a line of your own, with variables: `$client_address \"$method $target\" $status`"),
	CONF_END
};
static const struct conf_section access_log_section = {
	.name = "access_log", .struct_size = sizeof(struct access_log_conf), .keys = access_log_keys,
	.help = "A line for each request. Without this section there is none.",
};

static const struct conf_key resolver_keys[] = {
	CONF_LIST_OF (struct resolver_section, servers, n_servers, CONF_TYPE_ADDRESS, CONF_OPTIONAL, "name servers, with port; none: the system's"),
	CONF_DURATION(struct resolver_section, "timeout", timeout_ms, 10, 60 * S, "2s", "of one try"),
	CONF_COUNT   (struct resolver_section, tries, 1, 10, "3", "before a question has failed"),
	CONF_DURATION(struct resolver_section, "max_ttl", max_ttl_ms, 1 * S, DAY_MS, "5m", "ask again after this time at the latest"),
	CONF_END
};
static const struct conf_section resolver_section = {
	.name = "resolver", .struct_size = sizeof(struct resolver_section), .keys = resolver_keys,
	.help = "How names of origins are resolved.",
};

static const struct conf_key edge_keys[] = {
	CONF_SECTION(struct edge_conf, node, &node_section, CONF_REQUIRED, "who this node is"),
	{ .name = "cluster", .type = CONF_TYPE_SECTION, .offset = offsetof(struct edge_conf, cluster.conf), .section = &cluster_section,
	  .set_offset = offsetof(struct edge_conf, cluster.set), .help = "the cluster it belongs to; without it the edge runs alone" },
	CONF_SECTION_OPTIONAL(struct edge_conf, admin, &admin_section, "the operator's port"),
	CONF_SECTION(struct edge_conf, log,     &log_section,     CONF_OPTIONAL, "where the program says what it does"),
	CONF_SECTION(struct edge_conf, process, &process_section, CONF_OPTIONAL, "the process itself"),
	CONF_COUNT  (struct edge_conf, workers, 0, 512, "0", "threads that serve; 0: one for each processor. A change needs a restart"),
	CONF_LIST   (struct edge_conf, listeners, n_listeners, &listener_section, CONF_REQUIRED, "where clients connect"),
	CONF_LIST   (struct edge_conf, pools,     n_pools,     &pool_section,     CONF_OPTIONAL, "groups of origins"),
	CONF_LIST   (struct edge_conf, stores,    n_stores,    &store_section,    CONF_OPTIONAL, "memory for responses"),
	CONF_LIST   (struct edge_conf, services,  n_services,  &service_section,  CONF_REQUIRED, "what is served"),
	CONF_SECTION(struct edge_conf, timeouts,  &timeouts_section,  CONF_OPTIONAL, "how long each step may take"),
	CONF_SECTION(struct edge_conf, limits,    &limits_section,    CONF_OPTIONAL, "how much is held"),
	CONF_SECTION(struct edge_conf, tls,       &tls_section,       CONF_OPTIONAL, "sessions and tickets"),
	CONF_SECTION(struct edge_conf, http2,     &http2_section,     CONF_OPTIONAL, "HTTP/2 with clients"),
	CONF_SECTION(struct edge_conf, forwarded, &forwarded_section, CONF_OPTIONAL, "what is added on the way through"),
	CONF_LIST   (struct edge_conf, error_pages, n_error_pages, &error_page_section, CONF_OPTIONAL, "what an error's answer says, where the service does not"),
	CONF_SECTION_OPTIONAL(struct edge_conf, access_log, &access_log_section, "a line for each request"),
	CONF_SECTION(struct edge_conf, resolver,  &resolver_section,  CONF_OPTIONAL, "how names are resolved"),
	CONF_END
};
const struct conf_section edge_section = {
	.name = "meridian-edge", .struct_size = sizeof(struct edge_conf), .keys = edge_keys,
	.help = "The configuration file of meridian-edge.",
};
/* clang-format on */
