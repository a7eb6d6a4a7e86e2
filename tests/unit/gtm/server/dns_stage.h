/* SPDX-License-Identifier: Apache-2.0
 *
 * dns_stage: a small zone with one steered name, queries to ask of it, and answers taken apart, for
 * the tests and the fuzz target of the name server.
 */
#pragma once

#include "core/buf.h"
#include "gtm/geo/geo.h"
#include "gtm/server/answer.h"
#include "gtm/zone/zone_load.h"

struct stage {
	struct zone_set *zones;
	struct steer_table *steer;
	struct geo_ranking *geo;
	struct addr sites[2];
	struct steer_region_conf regions[2];
	struct steer_name_conf names[2];
	struct steer_conf conf;
	struct serving serving;
	struct addr resolver;
};

/* example.test; www.geo is steered to eu (192.0.2.1) and us (198.51.100.1), dark.geo to nobody. */
struct stage *stage_new(void);
void stage_free(struct stage *stage);
/* A zone from text; stops the test when it is wrong. */
struct zone *stage_zone(const char *origin, const char *text, const struct zone_steer_name *steer,
			size_t n_steer);

struct ask {
	const char *name;
	uint16_t type;
	bool edns;
	uint16_t udp_bytes;  /* of EDNS; 0: 1232 */
	uint8_t version;     /* of EDNS */
	const char *options; /* as hex, behind the OPT */
};
size_t stage_query(const struct ask *ask, uint8_t *packet, size_t room);

struct record {
	unsigned section; /* 1 answer, 2 authority, 3 additional */
	char owner[256], data[256];
	uint16_t type, class;
	uint32_t ttl_s;
};
struct reply {
	size_t len;
	uint16_t id, flags;
	unsigned rcode; /* with the upper bits of EDNS */
	bool aa, tc, has_opt;
	char question[256]; /* its case kept */
	struct record records[64];
	size_t n_records;
	uint8_t options[512];
	size_t options_len;
};
/* False: no well-formed answer. */
bool reply_parse(struct span packet, struct reply *ret_reply);
/* "owner TYPE data" of each record, a section a letter: "a:www.example.test 1 192.0.2.80;". */
const char *reply_text(const struct reply *reply, char *text, size_t room);
/* Asks over UDP. */
void stage_ask(struct stage *stage, const struct ask *ask, struct reply *ret_reply);
