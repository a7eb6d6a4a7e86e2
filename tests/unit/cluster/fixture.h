/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture: folders and clusters for the tests of cluster/: a temporary folder that goes away, a
 * cluster key in it, and members admitted by it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cluster/identity/authority.h"
#include "cluster/identity/small_file.h"
#include "core/error.h"
#include "core/obj.h"

enum { FIXTURE_NOW_S = 1700000000, FIXTURE_DAYS = 36500 };

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline char *fixture_folder(void)
{
	const char *base = getenv("TMPDIR");
	char text[256];

	snprintf(text, sizeof(text), "%s/meridian-test-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(text));
	return strdup(text);
}

static inline void fixture_folder_free(char *folder)
{
	assert_int_equal(nftw(folder, fixture_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(folder);
}

static inline const char *fixture_path(const char *folder, const char *name)
{
	static _Thread_local char text[4][SMALL_FILE_PATH_MAX];
	static _Thread_local unsigned next;
	char *at = text[next++ % 4];

	assert_int_equal(small_file_path(folder, name, at), 0);
	return at;
}

static inline void fixture_write(const char *folder, const char *name, const char *text)
{
	assert_int_equal(small_file_write(fixture_path(folder, name), span_str(text), 0600), 0);
}

/* A cluster key and keyring in folder/name. */
static inline struct keyring fixture_authority(const char *folder, const char *name)
{
	char reterr[IDENTITY_ERROR_MAX] = "";
	struct keyring keyring;

	assert_int_equal(authority_init(fixture_path(folder, name), reterr), 0);
	assert_int_equal(
		keyring_load(fixture_path(fixture_path(folder, name), AUTHORITY_KEYRING_FILE),
			     &keyring, reterr),
		0);
	return keyring;
}

static inline void fixture_admit(const char *folder, const char *authority, const char *name,
				 unsigned roles)
{
	char reterr[IDENTITY_ERROR_MAX] = "";
	struct admission admission = { .name = name,
				       .region = "eu-west",
				       .roles = roles,
				       .not_before_s = FIXTURE_NOW_S,
				       .days = FIXTURE_DAYS };
	struct member_id id;

	if (authority_admit(fixture_path(folder, authority), fixture_path(folder, name), &admission,
			    &id, reterr) != 0)
		fail_msg("%s", reterr);
}

static inline struct identity *fixture_identity(const char *folder, const char *name,
						const struct keyring *keyring)
{
	char reterr[IDENTITY_ERROR_MAX] = "";
	struct identity *identity = NULL;

	if (identity_open(fixture_path(folder, name), keyring, FIXTURE_NOW_S + 1, &identity,
			  reterr) != 0)
		fail_msg("%s", reterr);
	return identity;
}
