/* SPDX-License-Identifier: Apache-2.0
 *
 * meridianctl: the operator's command. Commands are in files of their own (cmd_*.c).
 */
#include <stdio.h>

#include "ctl/command.h"

static void write_out(struct buf *buf, FILE *to)
{
	if (buf->len > 0)
		(void)fwrite(buf->at, 1, buf->len, to);
	buf_fini(buf);
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .ask = ask_admin };

	buf_init(&ctl.out, COMMAND_MAX_OUTPUT_BYTES);
	buf_init(&ctl.err, COMMAND_MAX_OUTPUT_BYTES);
	int status = command_run(&ctl, argc, argv);
	write_out(&ctl.out, stdout);
	write_out(&ctl.err, stderr);
	return fflush(stdout) == 0 ? status : COMMAND_FAILED;
}
