/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_resume: what a client keeps of one server, so that its next connection needs no full
 * handshake. Who has it has verified that server: it is for one name, one context, one address.
 * One thread.
 */
#pragma once

#include <stdbool.h>

struct tls_resume;

/* One reference, the caller's. Errors: -ENOMEM. */
int tls_resume_new(struct tls_resume **ret_resume);
struct tls_resume *tls_resume_ref(struct tls_resume *resume);
void tls_resume_unref(struct tls_resume *resume); /* NULL is fine */
/* Something is kept, and was not used up or ended by an error. */
bool tls_resume_has(const struct tls_resume *resume);
