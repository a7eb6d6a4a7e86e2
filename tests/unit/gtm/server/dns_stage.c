/* SPDX-License-Identifier: Apache-2.0
 *
 * dns_stage: see the header.
 */
#include "tests/unit/gtm/server/dns_stage.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/mman.h>

#include "core/cursor.h"
#include "core/obj.h"
#include "gtm/server/gtm_metrics.h"
#include "gtm/zone/zone_load.h"

static const char zone_text[] =
	"$TTL 3600\n"
	"@ SOA ns1 hostmaster 7 7200 900 1209600 300\n"
	"@ NS ns1\n"
	"@ NS ns2\n"
	"ns1 A 192.0.2.53\n"
	"ns2 A 192.0.2.54\n"
	"www A 192.0.2.80\n"
	"www AAAA 2001:db8::80\n"
	"txt TXT \"words\"\n"
	"a.b.empty A 192.0.2.81\n"
	"*.wild TXT \"any\"\n"
	"below.wild A 192.0.2.82\n"
	"deep.host.wild A 192.0.2.83\n"
	"alias CNAME www\n"
	"alias2 CNAME alias\n"
	"dangling CNAME nobody\n"
	"nodata CNAME txt\n"
	"out CNAME www.example.net.\n"
	"loop1 CNAME loop2\n"
	"loop2 CNAME loop1\n"
	"togeo CNAME www.geo\n"
	"tochild CNAME www.child\n"
	"child NS ns.child\n"
	"child NS ns.example.net.\n"
	"ns.child A 192.0.2.90\n"
	"ns.child AAAA 2001:db8::90\n"
	"big TXT \"0123456789012345678901234567890123456789012345678901234567890123456789\"\n"
	"big TXT \"1123456789012345678901234567890123456789012345678901234567890123456789\"\n"
	"big TXT \"2123456789012345678901234567890123456789012345678901234567890123456789\"\n"
	"big TXT \"3123456789012345678901234567890123456789012345678901234567890123456789\"\n"
	"big TXT \"4123456789012345678901234567890123456789012345678901234567890123456789\"\n"
	"big TXT \"5123456789012345678901234567890123456789012345678901234567890123456789\"\n";

struct zone *stage_zone(const char *origin, const char *text, const struct zone_steer_name *steer,
			size_t n_steer)
{
	int fd = memfd_create("zone", MFD_CLOEXEC);
	char path[32];
	struct buf errors;
	struct zone *zone = NULL;

	buf_init(&errors, 65536);
	MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	MUST(zone_load(path, origin, steer, n_steer, &errors, &zone) == 0);
	buf_fini(&errors);
	close(fd);
	return zone;
}

static struct addr ip(const char *text)
{
	struct addr addr;

	MUST(addr_parse_ip(span_str(text), &addr));
	return addr;
}

struct stage *stage_new(void)
{
	static const struct zone_steer_name steered[] = { { "www.geo.example.test", 0 },
							  { "dark.geo.example.test", 1 } };
	static const struct geo_place places[] = { { 53.35, -6.26, true },
						   { 38.95, -77.45, true } };
	struct geo_conf geo = { .database = "deploy/geo/country.mmdb" };
	struct stage *stage = calloc(1, sizeof(*stage));

	MUST(stage);
	stage->sites[0] = ip("192.0.2.1");
	stage->sites[1] = ip("198.51.100.1");
	stage->resolver = ip("127.0.0.1");
	for (size_t i = 0; i < 2; i++)
		stage->regions[i] = (struct steer_region_conf){
			.name = i ? "us" : "eu",
			.latitude = places[i].latitude,
			.longitude = places[i].longitude,
			.has_location = true,
			.static_addresses = &stage->sites[i],
			.n_static_addresses = 1,
		};
	stage->names[0] = (struct steer_name_conf){ "www.geo.example.test", "web", 30, 1, NULL, 0 };
	stage->names[1] =
		(struct steer_name_conf){ "dark.geo.example.test", "web", 30, 1, NULL, 0 };
	stage->conf = (struct steer_conf){ stage->regions, 2, stage->names, 2 };
	MUST(geo_ranking_new(&geo, places, 2, &stage->geo) == 0);
	MUST(steer_table_new(&stage->conf, stage->geo, NULL, &stage->steer) == 0);
	MUST(zone_set_new(&stage->zones) == 0);
	MUST(zone_set_add(stage->zones, stage_zone("example.test", zone_text, steered, 2)) == 0);
	stage->serving.zones = stage->zones;
	stage->serving.steer = stage->steer;
	MUST(metric_block_new(gtm_metric_defs, GTM_METRIC_N, NULL, &stage->serving.metrics) == 0);
	return stage;
}

void stage_free(struct stage *stage)
{
	metric_block_free(stage->serving.metrics);
	snapshot_unref(steer_table_snapshot(stage->steer));
	snapshot_unref(zone_set_snapshot(stage->zones));
	geo_ranking_unref(stage->geo);
	free(stage);
}

static void put_u16(struct buf *out, unsigned value)
{
	buf_add_byte(out, (uint8_t)(value >> 8));
	buf_add_byte(out, (uint8_t)value);
}

static void put_name(struct buf *out, const char *name)
{
	struct span rest = span_str(name), label;

	while (rest.len && span_cut(&rest, '.', &label)) {
		buf_add_byte(out, (uint8_t)label.len);
		buf_add(out, label);
	}
	buf_add_byte(out, 0);
}

size_t stage_query(const struct ask *ask, uint8_t *packet, size_t room)
{
	size_t n_options = ask->options ? strlen(ask->options) / 2 : 0;
	struct buf out;

	buf_init(&out, room);
	put_u16(&out, 0x5157);
	put_u16(&out, 0x0100);
	put_u16(&out, 1);
	put_u16(&out, 0);
	put_u16(&out, 0);
	put_u16(&out, ask->edns);
	put_name(&out, ask->name);
	put_u16(&out, ask->type);
	put_u16(&out, 1);
	if (ask->edns) {
		buf_add_byte(&out, 0);
		put_u16(&out, DNS_TYPE_OPT);
		put_u16(&out, ask->udp_bytes ? ask->udp_bytes : 1232);
		put_u16(&out, ask->version);
		put_u16(&out, 0);
		put_u16(&out, (unsigned)n_options);
		for (size_t i = 0; i < n_options; i++) {
			char pair[3] = { ask->options[2 * i], ask->options[2 * i + 1], 0 };
			buf_add_byte(&out, (uint8_t)strtoul(pair, NULL, 16));
		}
	}
	MUST(!out.failed);
	size_t len = out.len;
	memcpy(packet, out.at, len);
	buf_fini(&out);
	return len;
}

/* ---- answers ------------------------------------------------------------------------------- */

/* A name that may be compressed, as text; moves past it. */
static bool take_name(struct span packet, size_t *at, char text[256])
{
	size_t pos = *at, used = 0;
	bool jumped = false;

	for (unsigned hops = 0; pos < packet.len && hops < 128; hops++) {
		uint8_t n = packet.at[pos];
		if (n >= 0xc0) {
			if (pos + 2 > packet.len)
				return false;
			if (!jumped)
				*at = pos + 2;
			jumped = true;
			size_t to = (size_t)(n & 0x3f) << 8 | packet.at[pos + 1];
			if (to >= pos)
				return false;
			pos = to;
			continue;
		}
		if (n > 63 || pos + n + 1u > packet.len || used + n + 2u > 256)
			return false;
		if (n == 0) {
			text[used ? used - 1 : 0] = '\0';
			if (!jumped)
				*at = pos + 1;
			return true;
		}
		memcpy(text + used, packet.at + pos + 1, n);
		used += n;
		text[used++] = '.';
		pos += n + 1u;
	}
	return false;
}

static void data_text(struct span packet, size_t at, size_t len, struct record *record)
{
	if (record->type == DNS_TYPE_A && len == 4) {
		inet_ntop(AF_INET, packet.at + at, record->data, sizeof(record->data));
	} else if (record->type == DNS_TYPE_AAAA && len == 16) {
		inet_ntop(AF_INET6, packet.at + at, record->data, sizeof(record->data));
	} else if (record->type == DNS_TYPE_NS || record->type == DNS_TYPE_CNAME ||
		   record->type == DNS_TYPE_SOA) {
		if (!take_name(packet, &at, record->data))
			record->data[0] = '?';
	} else if (len) {
		size_t n = MIN((size_t)packet.at[at], len - 1);
		n = MIN(n, sizeof(record->data) - 1);
		memcpy(record->data, packet.at + at + 1, n);
		record->data[n] = '\0';
	}
}

static bool take_opt(struct reply *reply, const struct record *record, struct span rdata)
{
	if (reply->has_opt || record->section != 3 || record->owner[0] ||
	    rdata.len > sizeof(reply->options))
		return false;
	reply->has_opt = true;
	reply->rcode |= record->ttl_s >> 24 << 4;
	if (rdata.len)
		memcpy(reply->options, rdata.at, rdata.len);
	reply->options_len = rdata.len;
	return true;
}

static bool take_record(struct span packet, size_t *at, struct reply *reply, unsigned section)
{
	struct record record = { .section = section };

	if (!take_name(packet, at, record.owner))
		return false;
	struct cursor c = cursor_over(span_from(packet, *at));
	record.type = cursor_u16(&c);
	record.class = cursor_u16(&c);
	record.ttl_s = cursor_u32(&c);
	uint16_t len = cursor_u16(&c);
	struct span rdata = cursor_bytes(&c, len);
	if (c.failed)
		return false;
	*at += 10;
	data_text(packet, *at, len, &record);
	*at += len;
	if (record.type == DNS_TYPE_OPT)
		return take_opt(reply, &record, rdata);
	if (reply->n_records < ARRAY_LEN(reply->records))
		reply->records[reply->n_records++] = record;
	return true;
}

bool reply_parse(struct span packet, struct reply *ret_reply)
{
	struct reply *reply = ret_reply;
	struct cursor c = cursor_over(packet);
	uint16_t counts[4];
	size_t at = 12;

	*reply = (struct reply){ .len = packet.len };
	reply->id = cursor_u16(&c);
	reply->flags = cursor_u16(&c);
	for (size_t i = 0; i < 4; i++)
		counts[i] = cursor_u16(&c);
	if (c.failed || !(reply->flags & 0x8000) || counts[0] > 1)
		return false;
	reply->rcode = reply->flags & 15;
	reply->aa = reply->flags & 0x0400;
	reply->tc = reply->flags & 0x0200;
	if (counts[0]) {
		if (!take_name(packet, &at, reply->question))
			return false;
		at += 4;
	}
	for (unsigned section = 1; section < 4; section++) {
		for (unsigned i = 0; i < counts[section]; i++) {
			if (!take_record(packet, &at, reply, section))
				return false;
		}
	}
	return at == packet.len;
}

const char *reply_text(const struct reply *reply, char *text, size_t room)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < reply->n_records && used < room; i++) {
		const struct record *record = &reply->records[i];
		int n = snprintf(text + used, room - used, "%s%c:%s %u %s", i ? "; " : "",
				 "?anx"[record->section], record -> owner, record -> type,
				 record -> data);
		used += n > 0 ? (size_t)n : 0;
	}
	return text;
}

void stage_ask(struct stage *stage, const struct ask *ask, struct reply *ret_reply)
{
	uint8_t packet[1024], out[1232];
	size_t len = stage_query(ask, packet, sizeof(packet));
	size_t n = answer_make(&stage->serving, span_of(packet, len), &stage->resolver, ANSWER_UDP,
			       out, sizeof(out));

	MUST(reply_parse(span_of(out, n), ret_reply));
}
