/* SPDX-License-Identifier: Apache-2.0
 *
 * tcp_priv: a line from inside, for tcp.c (which lines there are) and line.c (what happens on one).
 */
#pragma once

#include "cluster/wire/tcp.h"
#include "core/net/conn.h"
#include "core/obj.h"

#define TCP_KIND  OBJ_KIND('c', 't', 'c', 'p')
#define LINE_KIND OBJ_KIND('l', 'i', 'n', 'e')

enum line_state { LINE_DIAL, LINE_AWAIT, LINE_GREET, LINE_OPEN, LINE_ENDED };

struct tcp_line {
	uint32_t kind;
	TAILQ_ENTRY(tcp_line) entry;
	struct tcp *tcp;
	enum line_state state;
	struct conn *conn; /* NULL once it has ended */
	struct addr addr;
	bool dialled;
	bool knows_id; /* `id`: as proven, or as we expect */
	bool kept;
	struct member_id id;
	struct handshake handshake; /* dialled: until OPEN */
	struct session session;
	struct buf in, out;
	struct buf waiting; /* frames' contents, with prefixes, until OPEN */
	mono_t said_at, heard_at, frame_at;
};

struct kept {
	struct tcp_keep what;
	mono_t next_at;
	int64_t wait_ms;
};

struct tcp {
	uint32_t kind;
	struct loop *loop;
	const struct handshake_self *self;
	const struct tcp_out *out;
	void *arg;
	struct loop_io listener;
	struct loop_task reaper;
	TAILQ_HEAD(line_list, tcp_line) lines, ended;
	size_t n_lines;
	struct kept kept[TCP_MAX_KEPT];
	size_t n_kept;
	mono_t answered_at; /* the turn in which n_answered were */
	unsigned n_answered;
};

/* In state LINE_DIAL, in the list; the caller gives it its conn. NULL: out of memory. */
struct tcp_line *line_new(struct tcp *tcp, const struct addr *addr);
void line_free(struct tcp_line *line);
/* It is still good to look at until the end of the turn. */
void line_close(struct tcp_line *line);
/* The same, and tells what was lost. */
void line_end(struct tcp_line *line, enum tcp_loss why);
/* Sends, or keeps until the line stands. Errors: -EBUSY, -EIO. */
int line_say(struct tcp_line *line, struct span plain);
/* Sets the conn's deadline for what the line waits for. */
void line_watch(struct tcp_line *line);
extern const struct conn_events line_events;
