/* SPDX-License-Identifier: Apache-2.0
 *
 * zone_load: ldns parses one record at a time; its rdata fields are wire form already and are
 * strung together. After a fault it goes on to find the rest, up to a limit.
 */
#include "gtm/zone/zone_load.h"

#include <ldns/ldns.h>
#include <malloc.h>

#include "core/error.h"
#include "core/obj.h"

enum { MAX_RDATA = 65535, MAX_FAULTS = 50, KEPT_HEAP_BYTES = 8 << 20 };

struct loader {
	const char *path;
	FILE *file;
	struct zone_builder *builder;
	struct buf *errors;
	unsigned n_faults;
	int line;
	uint32_t ttl_s;
	ldns_rdf *origin, *previous;
	uint8_t rdata[MAX_RDATA];
};

__attribute__((format(printf, 2, 3))) static void fault(struct loader *loader, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (loader->n_faults++ < MAX_FAULTS)
		buf_printf(loader->errors, "%s:%d: %s\n", loader->path, loader->line, text);
}

static bool flatten(struct loader *loader, const ldns_rr *rr, struct span *ret_rdata)
{
	size_t len = 0;

	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
		size_t part = ldns_rdf_size(rdf);
		if (part > MAX_RDATA - len)
			return false;
		memcpy(loader->rdata + len, ldns_rdf_data(rdf), part);
		len += part;
	}
	*ret_rdata = span_of(loader->rdata, len);
	return true;
}

static int take_record(struct loader *loader, ldns_rr *rr)
{
	struct span rdata;

	ldns_rdf *owner = ldns_rr_owner(rr);
	ldns_dname2canonical(owner);
	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN) {
		fault(loader, "only class IN is served");
		return 0;
	}
	if (!flatten(loader, rr, &rdata)) {
		fault(loader, "the record's data is over 65535 bytes");
		return 0;
	}
	int r = zone_builder_add(loader->builder,
				 span_of(ldns_rdf_data(owner), ldns_rdf_size(owner)),
				 (uint16_t)ldns_rr_get_type(rr), ldns_rr_ttl(rr), rdata);
	if (r != -ERANGE)
		return err_pass(r);
	fault(loader, "the name is not in the zone");
	return 0;
}

static int read_one(struct loader *loader)
{
	ldns_rr *rr = NULL;
	ldns_status status =
		ldns_rr_new_frm_fp_l(&rr, loader->file, &loader->ttl_s, &loader->origin,
				     &loader->previous, &loader->line);

	if (status == LDNS_STATUS_OK) {
		int r = take_record(loader, rr);
		ldns_rr_free(rr);
		return err_pass(r);
	}
	if (status == LDNS_STATUS_SYNTAX_INCLUDE)
		fault(loader, "$INCLUDE is not supported");
	else if (status != LDNS_STATUS_SYNTAX_EMPTY && status != LDNS_STATUS_SYNTAX_TTL &&
		 status != LDNS_STATUS_SYNTAX_ORIGIN)
		fault(loader, "%s", ldns_get_errorstr_by_id(status));
	return 0;
}

static int read_all(struct loader *loader)
{
	while (!feof(loader->file) && !ferror(loader->file) && loader->n_faults < MAX_FAULTS) {
		int r = read_one(loader);
		if (r < 0)
			return err_pass(r);
	}
	return ferror(loader->file) ? err_new(-EIO) : 0;
}

static int add_steered(struct loader *loader, const struct zone_steer_name *steer, size_t n_steer)
{
	for (size_t i = 0; i < n_steer; i++) {
		uint8_t name[ZONE_MAX_NAME];
		size_t len = zone_name_from_text(steer[i].name, name);
		int r = zone_builder_steer(loader->builder, span_of(name, len), steer[i].index);
		if (r < 0)
			return err_pass(r);
	}
	return 0;
}

static int load(struct loader *loader, const char *origin, const struct zone_steer_name *steer,
		size_t n_steer, struct zone **ret_zone)
{
	uint8_t apex[ZONE_MAX_NAME];
	const char *why = NULL;

	size_t apex_len = zone_name_from_text(origin, apex);
	MUST(apex_len > 0);
	loader->origin = ldns_dname_new_frm_str(origin);
	loader->previous = ldns_dname_new_frm_str(origin);
	if (!loader->origin || !loader->previous)
		return err_new(-ENOMEM);
	int r = zone_builder_new(span_of(apex, apex_len), &loader->builder);
	if (r == 0)
		r = read_all(loader);
	if (r == 0)
		r = add_steered(loader, steer, n_steer);
	if (r < 0)
		return err_pass(r);
	if (loader->n_faults)
		return err_new(-EINVAL);
	r = zone_builder_finish(TAKE(loader->builder), ret_zone, &why);
	if (r < 0)
		fault(loader, "%s", why ? why : "the SOA is too short");
	return err_pass(r);
}

int zone_load(const char *path, const char *origin, const struct zone_steer_name *steer,
	      size_t n_steer, struct buf *errors, struct zone **ret_zone)
{
	struct loader *loader = calloc(1, sizeof(*loader));
	int r;

	/* ldns takes and frees 64 KiB for each record: glibc shall not give the top of the heap
	 * back to the kernel each time (seven eighths of the time that a large zone took). */
	mallopt(M_TRIM_THRESHOLD, KEPT_HEAP_BYTES);
	if (!loader)
		return err_new(-ENOMEM);
	loader->path = path;
	loader->errors = errors;
	loader->file = fopen(path, "re");
	if (!loader->file) {
		r = err_new(-errno);
		buf_printf(errors, "%s: cannot be read: %s\n", path, err_text(r));
	} else {
		r = load(loader, origin, steer, n_steer, ret_zone);
		fclose(loader->file);
	}
	zone_builder_free(loader->builder);
	ldns_rdf_deep_free(loader->origin);
	ldns_rdf_deep_free(loader->previous);
	free(loader);
	return err_pass(r);
}
