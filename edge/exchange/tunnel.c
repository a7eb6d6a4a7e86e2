/* SPDX-License-Identifier: Apache-2.0
 *
 * tunnel: the handshakes. The bytes that follow move by the pumps of exchange.c and deliver.c.
 */
#include "edge/exchange/tunnel.h"

#include "core/error.h"
#include "core/net/crypto.h"
#include "core/obj.h"

enum {
	KEY_BYTES = 16,    /* RFC 6455 4.1 */
	MAX_KEY_TEXT = 64, /* 24 of them, if it is one */
};

static const struct span websocket = { (const uint8_t *)"websocket", 9 };
static const struct span key_name = { (const uint8_t *)"Sec-WebSocket-Key", 17 };
static const struct span accept_name = { (const uint8_t *)"Sec-WebSocket-Accept", 20 };

/* Empty: there is none. */
static struct span value_of(const struct http_head *head, struct span name)
{
	for (uint16_t i = 0; i < head->n_fields; i++) {
		if (span_ieq(head->fields[i].name, name))
			return head->fields[i].value;
	}
	return SPAN_NONE;
}

static bool is_let_through(const struct route_proxy_conf *proxy, struct span protocol)
{
	if (!proxy->upgrade_set)
		return span_ieq(protocol, websocket);
	for (size_t i = 0; i < proxy->n_upgrade; i++) {
		if (span_ieq(protocol, span_str(proxy->upgrade[i])))
			return true;
	}
	return false;
}

struct span tunnel_choose(const struct route_proxy_conf *proxy, const struct http_head *request)
{
	struct span rest = request->upgrade, part;

	if (request->body != HTTP_BODY_NONE)
		return SPAN_NONE;
	while (span_cut(&rest, ',', &part)) {
		struct span protocol = span_trim(part);
		if (protocol.len && protocol.len <= TUNNEL_MAX_PROTOCOL &&
		    is_let_through(proxy, protocol))
			return protocol;
	}
	return SPAN_NONE;
}

static int key_add(struct http_head *upstream, struct arena *arena)
{
	char text[CRYPTO_BASE64_BYTES(KEY_BYTES)];
	uint8_t key[KEY_BYTES];

	int r = crypto_random(key, sizeof(key));
	if (r < 0)
		return err_pass(r);
	crypto_base64(span_of(key, sizeof(key)), text);
	struct span value = arena_copy(arena, span_str(text));
	return value.at ? err_pass(http_head_add_other(upstream, key_name, value))
			: err_new(-ENOBUFS);
}

int tunnel_ask(struct http_head *upstream, struct span protocol, struct arena *arena)
{
	upstream->upgrade = protocol;
	if (!span_ieq(protocol, websocket) || value_of(upstream, key_name).len)
		return 0;
	return err_pass(key_add(upstream, arena));
}

/* RFC 6455 4.2.2. False: no key, or OpenSSL refuses. */
static bool accept_make(struct span key, char ret_text[CRYPTO_BASE64_BYTES(CRYPTO_SHA1_BYTES)])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t bytes[MAX_KEY_TEXT + sizeof(guid)], hash[CRYPTO_SHA1_BYTES];

	if (key.len == 0 || key.len > MAX_KEY_TEXT)
		return false;
	memcpy(bytes, key.at, key.len);
	memcpy(bytes + key.len, guid, sizeof(guid) - 1);
	if (crypto_sha1(span_of(bytes, key.len + sizeof(guid) - 1), hash) < 0)
		return false;
	crypto_base64(span_of(hash, sizeof(hash)), ret_text);
	return true;
}

/* HTTP/2 has no key that could be accepted. */
static bool is_accepted(const struct http_head *upstream, const struct http_head *response)
{
	char expected[CRYPTO_BASE64_BYTES(CRYPTO_SHA1_BYTES)];

	if (response->version_major > 1)
		return true;
	return accept_make(value_of(upstream, key_name), expected) &&
	       span_eq(value_of(response, accept_name), span_str(expected));
}

/* The client hears an answer to its own key, or to none. */
static int accept_renew(const struct http_head *request, struct http_head *response,
			struct arena *arena)
{
	char text[CRYPTO_BASE64_BYTES(CRYPTO_SHA1_BYTES)];

	http_head_remove_other(response, accept_name);
	if (!accept_make(value_of(request, key_name), text))
		return 0;
	struct span value = arena_copy(arena, span_str(text));
	return value.at ? err_pass(http_head_add_other(response, accept_name, value))
			: err_new(-ENOBUFS);
}

int tunnel_judge(const struct http_head *request, const struct http_head *upstream,
		 struct http_head *response, struct arena *arena)
{
	if (response->body != HTTP_BODY_TUNNEL) {
		/* To an extended CONNECT a success is a tunnel, whatever the origin meant. */
		bool misleads = request->version_major > 1 && request->upgrade.len &&
				response->status < 300;
		return misleads ? TUNNEL_BROKEN : TUNNEL_NONE;
	}
	if (!upstream->upgrade.len)
		return TUNNEL_BROKEN;
	response->upgrade = upstream->upgrade;
	if (!span_ieq(upstream->upgrade, websocket))
		return TUNNEL_OPEN;
	if (!is_accepted(upstream, response))
		return TUNNEL_BROKEN;
	int r = accept_renew(request, response, arena);
	return r < 0 ? err_pass(r) : TUNNEL_OPEN;
}
