/* SPDX-License-Identifier: Apache-2.0
 *
 * authority: the cluster key, which says who is a member. It lies in a folder of its own, on the
 * operator's machine, and is needed only to admit; a running cluster never sees it.
 *
 *     cluster.key     the private key: 64 hexadecimal digits; mode 0600
 *     cluster.keys    the keyring, to be copied to every member; mode 0600
 *     serial          how many certificates were issued
 *
 * For meridianctl and for tests. `reterr` has IDENTITY_ERROR_MAX bytes.
 */
#pragma once

#include "cluster/identity/identity.h"

#define AUTHORITY_KEY_FILE     "cluster.key"
#define AUTHORITY_KEYRING_FILE "cluster.keys"
#define AUTHORITY_SERIAL_FILE  "serial"

enum { AUTHORITY_DEFAULT_DAYS = 3650 };

/* A new cluster. Makes the folder if need be; never touches one that has a cluster key: -EEXIST. */
int authority_init(const char *folder, char *reterr);

struct admission {
	const char *name;
	const char *region;
	unsigned roles;
	int64_t not_before_s;
	int64_t days; /* until the certificate ends */
};
/* Makes the member's key in `member_folder` unless it is there (a renewal keeps it, and with it the
 * member's id), and a new certificate. Errors: -EINVAL, -ENOENT, -EACCES, … */
int authority_admit(const char *folder, const char *member_folder,
		    const struct admission *admission, struct member_id *ret_id, char *reterr);
