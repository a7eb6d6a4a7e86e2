/* SPDX-License-Identifier: Apache-2.0
 *
 * common_conf: the tables of `log`, `admin` and `process`, and what cannot be said in a table.
 */
#include "core/common_conf.h"

#include "core/error.h"

static const struct conf_choice levels[] = { { "error", LOG_LEVEL_ERROR },
					     { "warn", LOG_LEVEL_WARN },
					     { "info", LOG_LEVEL_INFO },
					     { "debug", LOG_LEVEL_DEBUG },
					     { NULL, 0 } };
static const struct conf_choice formats[] = { { "text", LOG_FORMAT_TEXT },
					      { "json", LOG_FORMAT_JSON },
					      { NULL, 0 } };
static const struct conf_choice targets[] = { { "stderr", LOG_TARGET_STDERR },
					      { "file", LOG_TARGET_FILE },
					      { "syslog", LOG_TARGET_SYSLOG },
					      { NULL, 0 } };

/* clang-format off */
static const struct conf_key log_keys[] = {
	CONF_CHOICE(struct log_section, level,  levels,  "info",   "the least important lines to write"),
	CONF_CHOICE(struct log_section, format, formats, "text",   "`key=value` lines or one JSON object a line"),
	CONF_CHOICE(struct log_section, target, targets, "stderr", "where lines go"),
	CONF_PATH  (struct log_section, file, CONF_OPTIONAL, CONF_NO_INITIAL, "with target `file`: its path; SIGUSR1 opens it anew"),
	CONF_END
};
const struct conf_section log_section = {
	.name = "log", .struct_size = sizeof(struct log_section), .keys = log_keys,
	.help = "Where the program says what it does.",
};

static const struct conf_key admin_keys[] = {
	CONF_SCALAR(struct admin_section, CONF_TYPE_ADDRESS, listen, CONF_OPTIONAL, "a loopback address for reading: `/metrics`, `/status`, `/healthz`"),
	CONF_PATH  (struct admin_section, socket, CONF_OPTIONAL, CONF_NO_INITIAL, "a unix socket for reading and changing, by root and our own user"),
	CONF_PATH  (struct admin_section, token_file, CONF_OPTIONAL, CONF_NO_INITIAL, "a secret of 16 bytes or more: who sends it as `Authorization: Bearer` may change things over `listen` too"),
	CONF_END
};
const struct conf_section admin_section = {
	.name = "admin", .struct_size = sizeof(struct admin_section), .keys = admin_keys,
	.help = "The operator's port.",
};

static const struct conf_key process_keys[] = {
	CONF_STRING(struct process_section, user, CONF_OPTIONAL, CONF_NO_INITIAL, "the user to become once all sockets are bound; what is read later (keys at a reload, identities) must be readable to it"),
	CONF_PATH  (struct process_section, pid_file, CONF_OPTIONAL, CONF_NO_INITIAL, "where to write the process id"),
	CONF_PATH  (struct process_section, takeover, CONF_OPTIONAL, CONF_NO_INITIAL, "a unix socket by which a newly started process takes over all listening sockets; the old one then drains"),
	CONF_END
};
const struct conf_section process_section = {
	.name = "process", .struct_size = sizeof(struct process_section), .keys = process_keys,
	.help = "The process itself.",
};
/* clang-format on */

void log_section_check(struct conf *conf, const struct log_section *log)
{
	if (log->target == LOG_TARGET_FILE && !log->file)
		conf_fault(conf, &log->target, "\"file\" is missing: the target is a file");
	if (log->target != LOG_TARGET_FILE && log->file)
		conf_fault(conf, &log->file, "a file is given, but \"target\" is not \"file\"");
}

int log_section_open(const struct log_section *log, const char *program)
{
	const struct log_conf conf = {
		.level = (enum log_level)log->level,
		.format = (enum log_format)log->format,
		.target = (enum log_target)log->target,
		.file = log->file,
		.name = program,
	};

	return err_pass(log_open(&conf));
}

static void listen_check(struct conf *conf, const struct addr *listen)
{
	char text[ADDR_TEXT_MAX];

	if (listen->any.sa_family == AF_UNIX)
		conf_fault(conf, listen,
			   "expected an IP address and port; \"socket\" takes a path");
	else if (!addr_is_loopback(listen))
		conf_fault(
			conf, listen,
			"expected a loopback address such as 127.0.0.1:9100 or [::1]:9100, found "
			"\"%s\"",
			addr_text(listen, text));
}

void admin_section_check(struct conf *conf, const struct admin_section *admin)
{
	enum { MAX_PATH_BYTES = sizeof(admin->listen.un.sun_path) - 1 };

	if (!admin->set)
		return;
	if (admin->listen.len)
		listen_check(conf, &admin->listen);
	if (!admin->listen.len && !admin->socket)
		conf_fault(conf, admin, "neither \"listen\" nor \"socket\" is given");
	if (admin->socket && strlen(admin->socket) > MAX_PATH_BYTES)
		conf_fault(conf, &admin->socket,
			   "longer than %d bytes, which is the most for a unix socket: %s",
			   MAX_PATH_BYTES, admin->socket);
	if (admin->token_file && !admin->listen.len)
		conf_fault(conf, &admin->token_file, "of no use without \"listen\"");
}

void process_section_check(struct conf *conf, const struct process_section *process)
{
	enum { MAX_PATH_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

	if (process->takeover && strlen(process->takeover) > MAX_PATH_BYTES)
		conf_fault(conf, &process->takeover,
			   "longer than %d bytes, which is the most for a unix socket: %s",
			   MAX_PATH_BYTES, process->takeover);
}
