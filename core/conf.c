/* SPDX-License-Identifier: Apache-2.0
 *
 * conf: from a file to a bound struct. libyaml makes the tree, conf_bind.c binds it, conf_scalar.c
 * reads single values, conf_errors.c keeps what was wrong, conf_help.c prints the reference.
 */
#include "core/conf_priv.h"

#include <fcntl.h>
#include <stdio.h>

#include "core/error.h"
#include "core/obj.h"

enum { ARENA_BYTES = 512 << 20, READ_BYTES = 64 << 10 };

static void conf_drop(struct conf **conf)
{
	conf_free(*conf);
}

/* Absolute, without a slash at the end (but for the root itself); as given when it is not there.
 * NULL: out of memory. */
static char *folder_of(const char *path)
{
	char given[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int len = slash ? (int)MIN(slash - path, PATH_MAX - 1) : 0;

	snprintf(given, sizeof(given), "%.*s", slash ? MAX(len, 1) : 1, slash ? path : ".");
	char *real = realpath(given, NULL);
	return real || errno == ENOMEM ? real : strdup(given);
}

static int conf_new(const char *name, const struct conf_section *section, struct conf **ret_conf,
		    void **ret_root)
{
	CLEANUP(conf_drop) struct conf *conf = OBJ_NEW(struct conf, CONF_KIND);

	if (!conf)
		return err_new(-ENOMEM);
	arena_init(&conf->arena, ARENA_BYTES);
	snprintf(conf->file, sizeof(conf->file), "%s", name);
	conf->folder = folder_of(name);
	void *root = conf_alloc(conf, section->struct_size);
	if (!conf->folder || !root)
		return err_new(-ENOMEM);
	conf_bind_defaults(conf, section, root);
	if (conf->no_memory)
		return err_new(-ENOMEM);
	*ret_root = root;
	*ret_conf = TAKE(conf);
	return 0;
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	MUST(conf->kind == CONF_KIND);
	arena_fini(&conf->arena);
	free(conf->places);
	free(conf->folder);
	OBJ_FREE(conf);
}

void *conf_alloc(struct conf *conf, size_t len)
{
	void *at = arena_take(&conf->arena, len ? len : 1);

	if (at)
		memset(at, 0, len);
	else
		conf->no_memory = true;
	return at;
}

/* The reader knows only how many bytes it had seen. */
static void fault_reader(struct conf *conf, const yaml_parser_t *parser, struct span text)
{
	struct span before = span_first(text, parser->problem_offset);
	unsigned line = 1;
	size_t start = 0;

	for (size_t i = 0; i < before.len; i++) {
		if (before.at[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	conf_error_add(conf, line, (unsigned)(before.len - start) + 1, "%s",
		       parser->problem ? parser->problem : "cannot be read");
}

static void fault_parser(struct conf *conf, const yaml_parser_t *parser, struct span text)
{
	if (parser->error == YAML_MEMORY_ERROR) {
		conf->no_memory = true;
		return;
	}
	if (parser->error == YAML_READER_ERROR) {
		fault_reader(conf, parser, text);
		return;
	}
	const char *problem = parser->problem ? parser->problem : "no YAML";
	unsigned line = (unsigned)parser->problem_mark.line + 1;
	unsigned column = (unsigned)parser->problem_mark.column + 1;
	if (parser->context)
		conf_error_add(conf, line, column, "%s, %s that began on line %zu", problem,
			       parser->context, parser->context_mark.line + 1);
	else
		conf_error_add(conf, line, column, "%s", problem);
}

/* Behind the first document nothing may come: it would be ignored in silence. */
static void check_end(struct conf *conf, yaml_parser_t *parser, struct span text)
{
	yaml_document_t document;

	if (!yaml_parser_load(parser, &document)) {
		fault_parser(conf, parser, text);
		return;
	}
	const yaml_node_t *root = yaml_document_get_root_node(&document);
	if (root)
		conf_error_add(conf, (unsigned)root->start_mark.line + 1,
			       (unsigned)root->start_mark.column + 1,
			       "a second document begins here: only one is read");
	yaml_document_delete(&document);
}

static void conf_parse(struct conf *conf, struct span text, const struct conf_section *section,
		       void *root)
{
	yaml_parser_t parser;
	yaml_document_t document;

	if (text.len > CONF_MAX_BYTES) {
		conf_error_add(conf, 0, 0, "larger than 8MiB");
		return;
	}
	if (!yaml_parser_initialize(&parser)) {
		conf->no_memory = true;
		return;
	}
	yaml_parser_set_input_string(&parser, text.at ? text.at : (const uint8_t *)"", text.len);
	if (yaml_parser_load(&parser, &document)) {
		bool empty = !yaml_document_get_root_node(&document);
		conf_bind_document(conf, &document, section, root);
		yaml_document_delete(&document);
		if (!empty)
			check_end(conf, &parser, text);
	} else {
		fault_parser(conf, &parser, text);
	}
	yaml_parser_delete(&parser);
}

int conf_read_text(struct span text, const char *name, const struct conf_section *section,
		   struct conf **ret_conf, void **ret_root)
{
	CLEANUP(conf_drop) struct conf *conf = NULL;
	void *root = NULL;
	int r = conf_new(name, section, &conf, &root);

	if (r < 0)
		return err_pass(r);
	conf_parse(conf, text, section, root);
	if (conf->no_memory)
		return err_new(-ENOMEM);
	*ret_root = root;
	*ret_conf = TAKE(conf);
	return 0;
}

/* Reads until the end, or until it is certain that the file is too large. -errno of open or read.
 */
static int file_read(const char *path, struct buf *text)
{
	CLEANUP(fd_drop) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		uint8_t *room = buf_room(text, READ_BYTES);
		if (!room)
			return -ENOMEM;
		n = read(fd, room, READ_BYTES);
		if (n > 0)
			buf_grew(text, (size_t)n);
	} while ((n > 0 && text->len <= CONF_MAX_BYTES) || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

int conf_read_file(const char *path, const struct conf_section *section, struct conf **ret_conf,
		   void **ret_root)
{
	struct buf text;
	int r;

	buf_init(&text, CONF_MAX_BYTES + 2 * READ_BYTES);
	r = file_read(path, &text);
	if (r == -ENOMEM) {
		r = err_new(-ENOMEM);
	} else if (r < 0) {
		struct conf *conf = NULL;
		const char *why = err_text(r);
		r = conf_new(path, section, &conf, ret_root);
		if (r == 0) {
			conf_error_add(conf, 0, 0, "cannot be read: %s", why);
			*ret_conf = conf;
		}
	} else {
		r = conf_read_text(buf_span(&text), path, section, ret_conf, ret_root);
	}
	buf_fini(&text);
	return r;
}
