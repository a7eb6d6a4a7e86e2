/* SPDX-License-Identifier: Apache-2.0
 *
 * common_conf: the sections that are the same in all programs and that core itself understands:
 * `log`, `admin` and `process`. (`node` and `cluster` are in cluster/cluster_conf.h.)
 */
#pragma once

#include "core/conf.h"
#include "core/log.h"

struct log_section {
	int level, format, target; /* enum log_… */
	const char *file;
};
extern const struct conf_section log_section;
/* `log.file` is required with target file. */
void log_section_check(struct conf *conf, const struct log_section *log);
int log_section_open(const struct log_section *log, const char *program);

struct admin_section {
	bool set;
	struct addr listen;     /* reading: a loopback address */
	const char *socket;     /* changing: path of the unix socket */
	const char *token_file; /* changing over `listen`: a secret; NULL: never */
};
extern const struct conf_section admin_section;
void admin_section_check(struct conf *conf, const struct admin_section *admin);

struct process_section {
	const char *user;     /* to become after the sockets are bound; NULL: who we are */
	const char *pid_file; /* NULL: none */
	const char *takeover; /* unix socket by which a successor takes the sockets; NULL: never */
};
extern const struct conf_section process_section;
void process_section_check(struct conf *conf, const struct process_section *process);
