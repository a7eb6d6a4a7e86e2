/* SPDX-License-Identifier: Apache-2.0
 *
 * stapler: keeps what authorities say of our certificates, and gives it to the TLS contexts that
 * have these, for clients who ask (OCSP stapling, RFC 6066 8). An answer is fetched at once,
 * verified, and fetched again in the middle of its life; when that fails, the old one serves until
 * its end. The control thread.
 */
#pragma once

#include "core/loop.h"
#include "core/net/tls.h"

struct stapler;

int stapler_new(struct loop *loop, struct stapler **ret_stapler);
void stapler_free(struct stapler *stapler); /* NULL is fine */
/* These contexts serve from now on; references are taken. Certificates without an issuer beside
 * them, or that name no responder, are left alone. What is known of a certificate that was there
 * before goes to its new context at once. Errors: -ENOMEM: some contexts may go without. */
int stapler_set(struct stapler *stapler, struct tls_context *const *contexts, size_t n_contexts);

/* When to ask again: of a good answer, and after so many failures in a row (>= 1). */
int64_t stapler_refresh_s(int64_t now_s, int64_t until_s);
int64_t stapler_retry_s(unsigned n_failures);
