/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_resume: the newest session of a server. It serves many connections: that an onlooker can tell
 * them for one client's (RFC 8446 C.4) hides nothing between two servers.
 */
#include "core/net/tls_resume.h"

#include "core/error.h"
#include "core/net/tls_priv.h"

#define RESUME_KIND OBJ_KIND('r', 'e', 's', 'u')

struct tls_resume {
	uint32_t kind;
	uint32_t n_refs;
	SSL_SESSION *session; /* owned; NULL: none yet */
};

int tls_resume_new(struct tls_resume **ret_resume)
{
	struct tls_resume *resume = OBJ_NEW(struct tls_resume, RESUME_KIND);

	if (!resume)
		return err_new(-ENOMEM);
	resume->n_refs = 1;
	*ret_resume = resume;
	return 0;
}

struct tls_resume *tls_resume_ref(struct tls_resume *resume)
{
	MUST(resume->kind == RESUME_KIND);
	resume->n_refs++;
	return resume;
}

void tls_resume_unref(struct tls_resume *resume)
{
	if (!resume)
		return;
	MUST(resume->kind == RESUME_KIND && resume->n_refs > 0);
	if (--resume->n_refs > 0)
		return;
	SSL_SESSION_free(resume->session);
	OBJ_FREE(resume);
}

bool tls_resume_has(const struct tls_resume *resume)
{
	return resume->session && SSL_SESSION_is_resumable(resume->session);
}

/* A ticket (TLS 1.3: some time after the handshake), or the session itself. 1: it is ours now. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_resume *resume = SSL_get_app_data(ssl);

	if (!resume || !SSL_SESSION_is_resumable(session))
		return 0;
	MUST(resume->kind == RESUME_KIND);
	SSL_SESSION_free(resume->session);
	resume->session = session;
	return 1;
}

void tls_resume_allow(SSL_CTX *ctx)
{
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
}

void tls_resume_use(struct tls_resume *resume, SSL *ssl)
{
	MUST(resume->kind == RESUME_KIND);
	SSL_set_app_data(ssl, resume);
	/* If it cannot be used, the handshake is a full one. */
	if (tls_resume_has(resume))
		SSL_set_session(ssl, resume->session);
}
