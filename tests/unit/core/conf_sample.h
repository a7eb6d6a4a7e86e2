/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_sample: a section with every type, for the tests and the fuzz target of core/conf.
 */
#pragma once

#include "core/conf.h"
#include "core/obj.h"

struct sample_origin {
	const char *address;
	uint32_t weight;
};

struct sample_pool {
	const char *name;
	int balance;
	struct sample_origin *origins;
	size_t n_origins;
	int64_t timeout_ms;
};

struct sample_tls {
	bool set;
	const char *certificate;
	int64_t lifetime_ms;
};

struct sample_limits {
	uint64_t body_bytes;
	double rate_per_s;
	double share;
};

struct sample_answer {
	const char *name;
	struct addr *addresses;
	size_t n_addresses;
};

struct sample_valid {
	const char *status;
	int64_t ttl_ms;
};

struct sample_root {
	struct sample_limits limits;
	const char *name, *state;
	bool is_on;
	uint32_t n_workers;
	double rate;
	bool rate_set;
	struct addr listen, ip;
	struct prefix network;
	const char *join;
	struct sample_pool *pools;
	size_t n_pools;
	const char **hosts;
	size_t n_hosts;
	struct prefix *trusted;
	size_t n_trusted;
	uint32_t *ports;
	size_t n_ports;
	struct sample_tls tls;
	struct sample_answer *fallback;
	size_t n_fallback;
	struct sample_valid *valid;
	size_t n_valid;
};

enum { SAMPLE_ROUND_ROBIN = 1, SAMPLE_LEAST_CONNECTIONS, SAMPLE_RANDOM };

static const struct conf_choice sample_balances[] = { { "round_robin", SAMPLE_ROUND_ROBIN },
						      { "least_connections",
							SAMPLE_LEAST_CONNECTIONS },
						      { "random", SAMPLE_RANDOM },
						      { NULL, 0 } };

/* clang-format off */
static const struct conf_key sample_origin_keys[] = {
	CONF_SCALAR(struct sample_origin, CONF_TYPE_ENDPOINT, address, CONF_REQUIRED, "where it listens"),
	CONF_COUNT(struct sample_origin, weight, 1, 1000, "1", "its share"),
	CONF_END
};
static const struct conf_section sample_origin_section = {
	.name = "pools[].origins[]", .struct_size = sizeof(struct sample_origin), .keys = sample_origin_keys,
};
static const struct conf_key sample_pool_keys[] = {
	CONF_STRING(struct sample_pool, name, CONF_REQUIRED, CONF_NO_INITIAL, "used in routes"),
	CONF_CHOICE(struct sample_pool, balance, sample_balances, "round_robin", "how an origin is chosen"),
	CONF_LIST(struct sample_pool, origins, n_origins, &sample_origin_section, CONF_REQUIRED, "servers"),
	CONF_DURATION(struct sample_pool, "timeout", timeout_ms, 10, 60000, "2s", "until it answers"),
	CONF_END
};
static const struct conf_section sample_pool_section = {
	.name = "pools[]", .struct_size = sizeof(struct sample_pool), .keys = sample_pool_keys,
	.help = "A named group of origins.",
};
static const struct conf_key sample_tls_keys[] = {
	CONF_PATH(struct sample_tls, certificate, CONF_REQUIRED, CONF_NO_INITIAL, "PEM"),
	CONF_DURATION(struct sample_tls, "lifetime", lifetime_ms, 0, 86400000, "1h", "of a ticket"),
	CONF_END
};
static const struct conf_section sample_tls_section = {
	.name = "tls", .struct_size = sizeof(struct sample_tls), .keys = sample_tls_keys,
};
static const struct conf_key sample_limits_keys[] = {
	CONF_SIZE(struct sample_limits, "body", body_bytes, 1024, 1e18, "1MiB", "of a request | response"),
	{ .name = "rate", .type = CONF_TYPE_RATE, CONF_AT(struct sample_limits, rate_per_s),
	  .has_range = true, .min = 0.1, .max = 1000, .initial = "100/s", .help = "requests" },
	CONF_REAL(struct sample_limits, share, CONF_OPTIONAL, 0, 1, "0.5", "of all"),
	CONF_END
};
static const struct conf_section sample_limits_section = {
	.name = "limits", .struct_size = sizeof(struct sample_limits), .keys = sample_limits_keys,
};
static const struct conf_key sample_answer_keys[] = {
	{ .name = "", .type = CONF_TYPE_LIST, CONF_AT(struct sample_answer, addresses), .item = CONF_TYPE_IP,
	  .n_offset = offsetof(struct sample_answer, n_addresses), .max_items = 4, .help = "what to answer" },
	CONF_END
};
static const struct conf_section sample_answer_section = {
	.name = "fallback", .struct_size = sizeof(struct sample_answer), .keys = sample_answer_keys,
	.key_offset = offsetof(struct sample_answer, name),
};
static const struct conf_key sample_valid_keys[] = {
	CONF_DURATION(struct sample_valid, "", ttl_ms, 0, 31536000000, "1m", "how long"),
	CONF_END
};
static const struct conf_section sample_valid_section = {
	.name = "valid", .struct_size = sizeof(struct sample_valid), .keys = sample_valid_keys,
	.key_offset = offsetof(struct sample_valid, status),
};
static const struct conf_key sample_root_keys[] = {
	CONF_SECTION(struct sample_root, limits, &sample_limits_section, CONF_OPTIONAL, "bounds"),
	CONF_STRING(struct sample_root, name, CONF_REQUIRED, CONF_NO_INITIAL, "of this member"),
	CONF_PATH(struct sample_root, state, CONF_OPTIONAL, "state", "a folder"),
	CONF_BOOL(struct sample_root, is_on, "yes", "whether it works"),
	CONF_COUNT(struct sample_root, n_workers, 1, 256, "4", "threads"),
	{ .name = "rate", .type = CONF_TYPE_RATE, CONF_AT(struct sample_root, rate),
	  .set_offset = offsetof(struct sample_root, rate_set), .help = "no limit without it" },
	CONF_SCALAR(struct sample_root, CONF_TYPE_ADDRESS, listen, CONF_OPTIONAL, "address"),
	CONF_SCALAR(struct sample_root, CONF_TYPE_IP, ip, CONF_OPTIONAL, "our own"),
	CONF_SCALAR(struct sample_root, CONF_TYPE_PREFIX, network, CONF_OPTIONAL, "around us"),
	CONF_SCALAR(struct sample_root, CONF_TYPE_ENDPOINT, join, CONF_OPTIONAL, "a member"),
	CONF_LIST(struct sample_root, pools, n_pools, &sample_pool_section, CONF_OPTIONAL, "groups of origins"),
	CONF_LIST_OF(struct sample_root, hosts, n_hosts, CONF_TYPE_STRING, CONF_OPTIONAL, "names"),
	CONF_LIST_OF(struct sample_root, trusted, n_trusted, CONF_TYPE_PREFIX, CONF_OPTIONAL, "networks"),
	CONF_LIST_OF(struct sample_root, ports, n_ports, CONF_TYPE_COUNT, CONF_OPTIONAL, "numbers"),
	CONF_SECTION_OPTIONAL(struct sample_root, tls, &sample_tls_section, "without it: plain"),
	CONF_MAP(struct sample_root, fallback, n_fallback, &sample_answer_section, "by name"),
	CONF_MAP(struct sample_root, valid, n_valid, &sample_valid_section, "by status"),
	CONF_END
};
static const struct conf_section sample_section = {
	.name = "sample", .struct_size = sizeof(struct sample_root), .keys = sample_root_keys,
	.help = "A file for tests.",
};
/* clang-format on */
