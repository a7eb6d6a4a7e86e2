/* SPDX-License-Identifier: Apache-2.0
 *
 * sock_holder: "address already in use" is half a message; this finds the other half. The kernel's
 * socket tables name the inode that has the port, and /proc/PID/fd names who has the inode. Only
 * for an error that is about to be logged: it reads much, but a bounded much.
 */
#include "core/net/sock_priv.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>

#include "core/obj.h"

enum { MAX_TABLE_LINES = 200000, MAX_LINKS = 100000, TCP_LISTENING = 0x0a };

static void file_drop(FILE **file)
{
	if (*file)
		fclose(*file);
}

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* A line: `sl local:port remote:port state tx:rx tr:when retrans uid timeout inode …`, hex but for
 * uid, timeout and inode. False when it is another port, or not listening. */
static bool line_matches(char *line, unsigned port, bool is_stream, unsigned long *ret_inode)
{
	char *words[10], *rest = line, *word;
	size_t n = 0;

	while (n < ARRAY_LEN(words) && (word = strsep(&rest, " \n")))
		if (*word)
			words[n++] = word;
	if (n < ARRAY_LEN(words))
		return false;
	const char *colon = strchr(words[1], ':');
	if (!colon || strtoul(colon + 1, NULL, 16) != port)
		return false;
	if (is_stream && strtoul(words[3], NULL, 16) != TCP_LISTENING)
		return false;
	*ret_inode = strtoul(words[9], NULL, 10);
	return *ret_inode != 0;
}

static bool table_find(const char *path, unsigned port, bool is_stream, unsigned long *ret_inode)
{
	char line[512];
	CLEANUP(file_drop) FILE *file = fopen(path, "re");

	if (!file)
		return false;
	for (unsigned i = 0; i < MAX_TABLE_LINES && fgets(line, sizeof(line), file); i++)
		if (line_matches(line, port, is_stream, ret_inode))
			return true;
	return false;
}

static bool process_has(const char *pid, const char *link, unsigned *n_links)
{
	char path[64], target[64];

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	CLEANUP(dir_drop) DIR *dir = opendir(path);
	if (!dir)
		return false;
	for (struct dirent *e = readdir(dir); e && *n_links < MAX_LINKS; e = readdir(dir)) {
		ssize_t len = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);
		(*n_links)++;
		if (len <= 0)
			continue;
		target[len] = 0;
		if (strcmp(target, link) == 0)
			return true;
	}
	return false;
}

static void holder_fill(int pid, struct sock_holder *holder)
{
	char path[64];

	*holder = (struct sock_holder){ .pid = pid, .name = "?" };
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	CLEANUP(file_drop) FILE *file = fopen(path, "re");
	if (file && fgets(holder->name, sizeof(holder->name), file))
		holder->name[strcspn(holder->name, "\n")] = 0;
}

static bool inode_find(unsigned long inode, struct sock_holder *ret_holder)
{
	char link[64];
	unsigned n_links = 0;

	snprintf(link, sizeof(link), "socket:[%lu]", inode);
	CLEANUP(dir_drop) DIR *dir = opendir("/proc");
	if (!dir)
		return false;
	for (struct dirent *e = readdir(dir); e && n_links < MAX_LINKS; e = readdir(dir)) {
		if (!isdigit((unsigned char)e->d_name[0]) ||
		    !process_has(e->d_name, link, &n_links))
			continue;
		holder_fill((int)strtol(e->d_name, NULL, 10), ret_holder);
		return true;
	}
	return false;
}

/* Whoever listens on a unix socket tells us itself. */
static bool unix_find(const struct addr *addr, struct sock_holder *ret_holder)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	CLEANUP(fd_drop)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, &addr->any, addr->len) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	holder_fill(peer.pid, ret_holder);
	return true;
}

bool sock_holder_find(const struct addr *addr, enum sock_type type, struct sock_holder *ret_holder)
{
	static const char *const tables[2][2] = {
		[SOCK_TYPE_STREAM] = { "/proc/net/tcp", "/proc/net/tcp6" },
		[SOCK_TYPE_DATAGRAM] = { "/proc/net/udp", "/proc/net/udp6" },
	};
	bool is_stream = type == SOCK_TYPE_STREAM;
	unsigned long inode;

	if (addr->len == 0)
		return false;
	if (addr->any.sa_family == AF_UNIX)
		return is_stream && unix_find(addr, ret_holder);
	for (size_t i = 0; i < 2; i++)
		if (table_find(tables[type][i], addr_port(addr), is_stream, &inode) &&
		    inode_find(inode, ret_holder))
			return true;
	return false;
}
