/* SPDX-License-Identifier: Apache-2.0
 *
 * error_page: what stands in the body of an answer that is an error: ours, or, where the
 * configuration says so, an origin's. Built once, then only read: any thread.
 */
#pragma once

#include "core/var.h"

struct error_page_conf {
	uint32_t *status;
	size_t n_status;
	const char *file, *body; /* one of them; both may hold variables */
	const char *content_type;
	bool intercept; /* also in place of an origin's */
};

struct error_page {
	uint16_t status;
	bool intercept;
	const char *content_type;  /* borrowed from the configuration */
	struct var_template *body; /* owned by the pages */
};

struct error_pages; /* of the edge, or of a service */

/* Reads the files; the configuration is borrowed. `reterr` (ERROR_PAGE_TEXT) says what is wrong
 * with which item (*ret_item). Errors: -EINVAL, -ENOENT, -EFBIG, -ENOMEM, those of open(). */
enum {
	ERROR_PAGE_TEXT = 256,
	ERROR_PAGE_MAX_BYTES = 64 * 1024, /* that a template may have */
	/* With variables: it is put together in an exchange's arena. */
	ERROR_PAGE_MAX_VARIABLE_BYTES = 24 * 1024,
};
int error_pages_new(const struct error_page_conf *confs, size_t n_confs,
		    struct error_pages **ret_pages, size_t *ret_item, char *reterr);
void error_pages_free(struct error_pages *pages); /* NULL is fine */
/* NULL: none for this status; NULL pages have none. */
const struct error_page *error_pages_find(const struct error_pages *pages, unsigned status);
