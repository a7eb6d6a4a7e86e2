/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch: libcurl's multi interface, driven by our loop: it says which sockets and which time it
 * waits for, we say when they come. Nothing is followed, no proxy of the environment is used, and
 * what a server sends is bounded. Finished requests are told one a task, so that whoever is told
 * may cancel others or free the fetcher.
 */
#include "core/net/fetch.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>

#include "core/error.h"
#include "core/obj.h"

#define FETCHER_KIND OBJ_KIND('f', 't', 'c', 'r')
#define FETCH_KIND   OBJ_KIND('h', 'f', 't', 'c')

enum { MAX_KEPT_CONNECTIONS = 32 };

struct http_fetch {
	uint32_t kind;
	TAILQ_ENTRY(http_fetch) link; /* in running or in finished */
	struct fetcher *fetcher;
	CURL *easy; /* owned, as are the lists */
	struct curl_slist *headers;
	struct curl_slist *connect_to;
	struct buf body;
	fetch_fn fn;
	void *arg;
	CURLcode code; /* when finished */
	bool is_finished;
	char error[CURL_ERROR_SIZE];
};
TAILQ_HEAD(fetch_list, http_fetch);

/* A socket of libcurl. */
struct fetch_socket {
	LIST_ENTRY(fetch_socket) link;
	struct fetcher *fetcher;
	struct loop_io io;
};

struct fetcher {
	uint32_t kind;
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	struct loop_task task; /* tells of the first in finished */
	struct fetch_list running, finished;
	LIST_HEAD(, fetch_socket) sockets;
};

static void library_start(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- libcurl and the loop ---------------------------------------------------------------------
 */

static void finished_collect(struct fetcher *fetcher)
{
	CURLMsg *message;
	int n_left;

	while ((message = curl_multi_info_read(fetcher->multi, &n_left))) {
		char *private = NULL;
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		struct http_fetch *fetch = OBJ_CAST(struct http_fetch, (void *)private, FETCH_KIND);
		fetch->code = code;
		fetch->is_finished = true;
		curl_multi_remove_handle(fetcher->multi, fetch->easy);
		TAILQ_REMOVE(&fetcher->running, fetch, link);
		TAILQ_INSERT_TAIL(&fetcher->finished, fetch, link);
	}
	if (!TAILQ_EMPTY(&fetcher->finished))
		loop_defer(fetcher->loop, &fetcher->task);
}

static void act(struct fetcher *fetcher, curl_socket_t fd, int events)
{
	int n_running;

	curl_multi_socket_action(fetcher->multi, fd, events, &n_running);
	finished_collect(fetcher);
}

static void on_timer(void *arg)
{
	act(OBJ_CAST(struct fetcher, arg, FETCHER_KIND), CURL_SOCKET_TIMEOUT, 0);
}

static void on_readable(void *arg)
{
	struct fetch_socket *sock = arg;

	act(sock->fetcher, sock->io.fd, CURL_CSELECT_IN);
}

static void on_writable(void *arg)
{
	struct fetch_socket *sock = arg;

	act(sock->fetcher, sock->io.fd, CURL_CSELECT_OUT);
}

static void socket_forget(struct fetch_socket *sock)
{
	LIST_REMOVE(sock, link);
	loop_io_stop(&sock->io);
	free(sock);
}

/* libcurl says what it waits for; `sock` is what we gave it for this socket. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *sock_arg)
{
	struct fetcher *fetcher = OBJ_CAST(struct fetcher, arg, FETCHER_KIND);
	struct fetch_socket *sock = sock_arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (sock)
			socket_forget(sock);
		return 0;
	}
	if (!sock) {
		sock = calloc(1, sizeof(*sock));
		if (!sock)
			return -1;
		sock->fetcher = fetcher;
		loop_io_init(&sock->io, fetcher->loop, fd, on_readable, on_writable, sock);
		LIST_INSERT_HEAD(&fetcher->sockets, sock, link);
		curl_multi_assign(fetcher->multi, fd, sock);
	}
	return loop_io_want(&sock->io, what & CURL_POLL_IN, what & CURL_POLL_OUT) < 0 ? -1 : 0;
}

static int on_timeout(CURLM *multi, long wait_ms, void *arg)
{
	struct fetcher *fetcher = OBJ_CAST(struct fetcher, arg, FETCHER_KIND);

	(void)multi;
	if (wait_ms < 0)
		loop_timer_stop(&fetcher->timer);
	else
		loop_timer_set(&fetcher->timer, mono_add_ms(loop_now(fetcher->loop), wait_ms));
	return 0;
}

/* ---- telling ----------------------------------------------------------------------------------
 */

static void fetch_free(struct http_fetch *fetch)
{
	struct fetcher *fetcher = fetch->fetcher;

	if (!fetch->is_finished) {
		curl_multi_remove_handle(fetcher->multi, fetch->easy);
		TAILQ_REMOVE(&fetcher->running, fetch, link);
	} else {
		TAILQ_REMOVE(&fetcher->finished, fetch, link);
	}
	curl_easy_cleanup(fetch->easy);
	curl_slist_free_all(fetch->headers);
	curl_slist_free_all(fetch->connect_to);
	buf_fini(&fetch->body);
	OBJ_FREE(fetch);
}

static int error_of(const struct http_fetch *fetch)
{
	if (fetch->body.failed)
		return -EMSGSIZE;
	switch ((int)fetch->code) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_BAD_CONTENT_ENCODING:
		return -EPROTO;
	default:
		return -EIO;
	}
}

static void on_task(void *arg)
{
	struct fetcher *fetcher = OBJ_CAST(struct fetcher, arg, FETCHER_KIND);
	struct http_fetch *fetch = TAILQ_FIRST(&fetcher->finished);
	curl_off_t took_us = 0;

	if (!fetch)
		return; /* it was cancelled */
	struct fetch_response response = { .r = error_of(fetch), .body = buf_span(&fetch->body) };
	if (response.r < 0)
		response.error = fetch->error[0] ? fetch->error : curl_easy_strerror(fetch->code);
	if (response.r == -EMSGSIZE)
		response.error = "the body is longer than allowed";
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &response.status);
	curl_easy_getinfo(fetch->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	response.took_us = (uint64_t)took_us;

	/* Out of all lists before it is told: what the callback frees is not this one. */
	fetch_fn fn = fetch->fn;
	void *fn_arg = fetch->arg;
	struct buf body = fetch->body;
	char error[CURL_ERROR_SIZE];
	if (response.error == fetch->error) {
		memcpy(error, fetch->error, sizeof(error));
		response.error = error;
	}
	buf_init(&fetch->body, 0);
	fetch_free(fetch);
	if (!TAILQ_EMPTY(&fetcher->finished))
		loop_defer(fetcher->loop, &fetcher->task);
	fn(&response, fn_arg);
	buf_fini(&body);
}

/* ---- the fetcher ------------------------------------------------------------------------------
 */

int fetcher_new(struct loop *loop, struct fetcher **ret_fetcher)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct fetcher *fetcher = OBJ_NEW(struct fetcher, FETCHER_KIND);

	if (!fetcher)
		return err_new(-ENOMEM);
	pthread_once(&once, library_start);
	fetcher->multi = curl_multi_init();
	if (!fetcher->multi) {
		OBJ_FREE(fetcher);
		return err_new(-ENOMEM);
	}
	fetcher->loop = loop;
	TAILQ_INIT(&fetcher->running);
	TAILQ_INIT(&fetcher->finished);
	LIST_INIT(&fetcher->sockets);
	loop_timer_init(&fetcher->timer, loop, on_timer, fetcher);
	fetcher->task = (struct loop_task){ .fn = on_task, .arg = fetcher };
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, (long)MAX_KEPT_CONNECTIONS);
	*ret_fetcher = fetcher;
	return 0;
}

void fetcher_free(struct fetcher *fetcher)
{
	struct http_fetch *fetch, *next;
	struct fetch_socket *sock, *next_sock;

	if (!fetcher)
		return;
	MUST(fetcher->kind == FETCHER_KIND);
	TAILQ_FOREACH_SAFE (fetch, &fetcher->running, link, next)
		fetch_free(fetch);
	TAILQ_FOREACH_SAFE (fetch, &fetcher->finished, link, next)
		fetch_free(fetch);
	curl_multi_cleanup(fetcher->multi);
	LIST_FOREACH_SAFE (sock, &fetcher->sockets, link, next_sock)
		socket_forget(sock);
	loop_timer_stop(&fetcher->timer);
	loop_undefer(fetcher->loop, &fetcher->task);
	OBJ_FREE(fetcher);
}

/* ---- one request ------------------------------------------------------------------------------
 */

static size_t on_body(char *at, size_t size, size_t n, void *arg)
{
	struct http_fetch *fetch = OBJ_CAST(struct http_fetch, arg, FETCH_KIND);

	buf_add(&fetch->body, span_of(at, size * n));
	return fetch->body.failed ? 0 : size * n; /* 0 ends the transfer */
}

static bool list_add(struct curl_slist **list, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*list, text);

	if (longer)
		*list = longer;
	return longer != NULL;
}

static bool headers_set(struct http_fetch *fetch, const char *const *headers)
{
	bool ok = list_add(&fetch->headers, "Expect:"); /* no waiting for 100 Continue */

	for (; ok && headers && *headers; headers++)
		ok = list_add(&fetch->headers, *headers);
	return ok && curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers) == CURLE_OK;
}

static bool place_set(struct http_fetch *fetch, const struct fetch_request *request)
{
	char text[ADDR_TEXT_MAX], rule[ADDR_TEXT_MAX + 4];

	if (request->unix_socket && curl_easy_setopt(fetch->easy, CURLOPT_UNIX_SOCKET_PATH,
						     request->unix_socket) != CURLE_OK)
		return false;
	if (!request->connect_to)
		return true;
	snprintf(rule, sizeof(rule), "::%s", addr_text(request->connect_to, text));
	return list_add(&fetch->connect_to, rule) &&
	       curl_easy_setopt(fetch->easy, CURLOPT_CONNECT_TO, fetch->connect_to) == CURLE_OK;
}

static bool method_set(CURL *easy, const struct fetch_request *request)
{
	bool ok = true;

	if (request->body.len) {
		ok = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				      (curl_off_t)request->body.len) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
				      (const char *)request->body.at) == CURLE_OK;
	}
	if (ok && request->method && strcmp(request->method, "HEAD") == 0)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	if (ok && (request->method || request->body.len))
		ok = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
				      request->method ? request->method : "GET") == CURLE_OK;
	return ok;
}

static bool trust_set(CURL *easy, const struct fetch_request *request)
{
	long verify_host = request->insecure ? 0 : 2;

	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request->insecure ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify_host);
	if (request->ca_file &&
	    curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file) != CURLE_OK)
		return false;
	if (!request->certificate_file)
		return true;
	const char *key = request->key_file ? request->key_file : request->certificate_file;
	return curl_easy_setopt(easy, CURLOPT_SSLCERT, request->certificate_file) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSLKEY, key) == CURLE_OK;
}

static bool request_set(struct http_fetch *fetch, const struct fetch_request *request)
{
	CURL *easy = fetch->easy;
	long fresh = request->fresh_connection;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)fetch);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)fetch);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, fresh);
	curl_easy_setopt(easy, CURLOPT_HAPROXYPROTOCOL, (long)request->proxy_header);
	return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, "meridian/" MERIDIAN_VERSION) ==
		       CURLE_OK &&
	       method_set(easy, request) && trust_set(easy, request) &&
	       headers_set(fetch, request->headers) && place_set(fetch, request);
}

int fetch_start(struct fetcher *fetcher, const struct fetch_request *request, fetch_fn fn,
		void *arg, struct http_fetch **ret_fetch)
{
	MUST(fetcher->kind == FETCHER_KIND && request->timeout_ms > 0);
	struct http_fetch *fetch = OBJ_NEW(struct http_fetch, FETCH_KIND);
	if (!fetch)
		return err_new(-ENOMEM);

	fetch->fetcher = fetcher;
	fetch->fn = fn;
	fetch->arg = arg;
	buf_init(&fetch->body, request->max_body_bytes);
	TAILQ_INSERT_TAIL(&fetcher->running, fetch, link);
	fetch->easy = curl_easy_init();
	if (!fetch->easy || !request_set(fetch, request) ||
	    curl_multi_add_handle(fetcher->multi, fetch->easy) != CURLM_OK) {
		fetch_free(fetch);
		return err_new(-ENOMEM);
	}
	*ret_fetch = fetch;
	return 0;
}

void fetch_cancel(struct http_fetch *fetch)
{
	MUST(fetch->kind == FETCH_KIND);
	fetch_free(fetch);
}
