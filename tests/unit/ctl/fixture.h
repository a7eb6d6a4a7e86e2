/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture: runs one command with an answer prepared, and keeps what it asked and printed.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/command.h"

enum { FIXTURE_MAX_WORDS = 16 };

static struct {
	const char *answer; /* JSON; NULL: `error` */
	const char *error;
	char asked[2048];
} fixture;

static inline int fixture_ask(const struct ask *ask, json_t **ret_json, char *reterr)
{
	char parse_error[160];

	snprintf(fixture.asked, sizeof(fixture.asked), "%s %s %s", ask->post ? "POST" : "GET",
		 ask->admin, ask->path);
	if (!fixture.answer) {
		snprintf(reterr, ASK_ERROR_MAX, "%s", fixture.error);
		return -EIO;
	}
	*ret_json = json_from(span_str(fixture.answer), ASK_MAX_BYTES, parse_error,
			      sizeof(parse_error));
	return 0;
}

/* Words after "meridianctl", separated by one space. The caller frees ret_output: both streams. */
static inline int fixture_run(const char *line, char **ret_output)
{
	struct ctl ctl = { .ask = fixture_ask };
	char *words[FIXTURE_MAX_WORDS] = { NULL };
	char *copy = strdup(line), *rest = copy;
	char program[] = "meridianctl";
	int n = 0;

	words[n++] = program;
	while (rest && *rest && n < FIXTURE_MAX_WORDS - 1)
		words[n++] = strsep(&rest, " ");
	buf_init(&ctl.out, COMMAND_MAX_OUTPUT_BYTES);
	buf_init(&ctl.err, COMMAND_MAX_OUTPUT_BYTES);
	int status = command_run(&ctl, n, words);
	buf_add(&ctl.out, buf_span(&ctl.err));
	*ret_output = strdup(buf_text(&ctl.out));
	buf_fini(&ctl.out);
	buf_fini(&ctl.err);
	free(copy);
	return status;
}

static inline void fixture_expect(const char *line, int status, const char *const *parts)
{
	char *output;
	int got = fixture_run(line, &output);

	if (got != status)
		fail_msg("'%s': status %d: %s", line, got, output);
	for (; *parts; parts++) {
		if (!strstr(output, *parts))
			fail_msg("'%s': no '%s' in: %s", line, *parts, output);
	}
	free(output);
}
#define EXPECT(line, status, ...)                                                                  \
	fixture_expect(line, status, (const char *const[]){ __VA_ARGS__, NULL })
