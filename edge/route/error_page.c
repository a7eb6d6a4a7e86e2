/* SPDX-License-Identifier: Apache-2.0
 *
 * error_page: templates by status. There are few, and they are looked for when something has gone
 * wrong: an array will do.
 */
#include "edge/route/error_page.h"

#include <fcntl.h>
#include <stdio.h>

#include "core/error.h"
#include "core/obj.h"
#include "edge/report/vars.h"

struct error_pages {
	size_t n;
	struct error_page pages[];
};

static int refuse(char *reterr, const char *file, int r)
{
	snprintf(reterr, ERROR_PAGE_TEXT, "%.160s: %s", file, err_text(r));
	return err_new(r);
}

static int file_read(const char *file, struct buf *text, char *reterr)
{
	CLEANUP(fd_drop) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum { STEP_BYTES = 4096 };
	ssize_t n = 1;

	if (fd < 0)
		return refuse(reterr, file, -errno);
	while (n > 0) {
		uint8_t *room = buf_room(text, STEP_BYTES);
		if (!room || text->len > ERROR_PAGE_MAX_BYTES)
			return refuse(reterr, file, room ? -EFBIG : -ENOMEM);
		n = read(fd, room, STEP_BYTES);
		if (n < 0)
			return refuse(reterr, file, -errno);
		buf_grew(text, (size_t)n);
	}
	return 0;
}

/* Whether an exchange has room for it. */
static int size_check(const struct var_template *body, size_t n_bytes, char *reterr)
{
	struct span text;

	if (n_bytes <= ERROR_PAGE_MAX_VARIABLE_BYTES || var_constant(body, &text))
		return 0;
	snprintf(reterr, ERROR_PAGE_TEXT, "a page with variables has at most %d bytes, not %zu",
		 ERROR_PAGE_MAX_VARIABLE_BYTES, n_bytes);
	return err_new(-EFBIG);
}

static int template_make(const struct error_page_conf *conf, struct var_template **ret_template,
			 char *reterr)
{
	struct buf text;
	int r = 0;

	buf_init(&text, 2 * (size_t)ERROR_PAGE_MAX_BYTES); /* more, to see that it is */
	if (conf->file)
		r = file_read(conf->file, &text, reterr);
	else if (conf->body)
		buf_add_str(&text, conf->body);
	if (r == 0)
		r = var_compile(edge_vars, buf_span(&text), ret_template, reterr);
	if (r == 0)
		r = size_check(*ret_template, text.len, reterr);
	buf_fini(&text);
	return err_pass(r);
}

void error_pages_free(struct error_pages *pages)
{
	if (!pages)
		return;
	for (size_t i = 0; i < pages->n; i++)
		var_free(pages->pages[i].body);
	free(pages);
}

/* Each status has a template of its own: that is simpler than to count who shares one. */
static int pages_add(struct error_pages *pages, const struct error_page_conf *conf, char *reterr)
{
	for (size_t i = 0; i < conf->n_status; i++) {
		struct error_page *page = &pages->pages[pages->n];
		int r = template_make(conf, &page->body, reterr);
		pages->n++; /* what was made is freed with the others */
		if (r < 0)
			return err_pass(r);
		page->status = (uint16_t)conf->status[i];
		page->intercept = conf->intercept;
		page->content_type = conf->content_type;
	}
	return 0;
}

int error_pages_new(const struct error_page_conf *confs, size_t n_confs,
		    struct error_pages **ret_pages, size_t *ret_item, char *reterr)
{
	size_t n = 0;

	for (size_t i = 0; i < n_confs; i++)
		n += confs[i].n_status;
	struct error_pages *pages = calloc(1, sizeof(*pages) + n * sizeof(pages->pages[0]));
	if (!pages)
		return err_new(-ENOMEM);
	for (size_t i = 0; i < n_confs; i++) {
		int r = pages_add(pages, &confs[i], reterr);
		if (r < 0) {
			*ret_item = i;
			error_pages_free(pages);
			return err_pass(r);
		}
	}
	*ret_pages = pages;
	return 0;
}

const struct error_page *error_pages_find(const struct error_pages *pages, unsigned status)
{
	for (size_t i = 0; pages && i < pages->n; i++) {
		if (pages->pages[i].status == status)
			return &pages->pages[i];
	}
	return NULL;
}
