/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc: the codes are those of google.rpc.Code.
 */
#include "edge/exchange/grpc.h"

#include "core/error.h"
#include "core/obj.h"

enum {
	CODE_UNKNOWN = 2,
	CODE_PERMISSION_DENIED = 7,
	CODE_UNIMPLEMENTED = 12,
	CODE_INTERNAL = 13,
	CODE_UNAVAILABLE = 14,
	CODE_UNAUTHENTICATED = 16,
};

bool grpc_is(const struct http_head *request)
{
	const struct span type = SPAN_LIT("application/grpc");
	const struct http_field *field = http_head_find(request, HTTP_NAME_CONTENT_TYPE);

	if (!field || !span_ieq(span_first(field->value, type.len), type))
		return false;
	struct span rest = span_from(field->value, type.len);
	return rest.len == 0 || rest.at[0] == '+' || rest.at[0] == ';' || rest.at[0] == ' ';
}

unsigned grpc_code(unsigned http_status)
{
	switch (http_status) {
	case 400:
		return CODE_INTERNAL;
	case 401:
		return CODE_UNAUTHENTICATED;
	case 403:
		return CODE_PERMISSION_DENIED;
	case 404:
		return CODE_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return CODE_UNAVAILABLE;
	default:
		return CODE_UNKNOWN;
	}
}

/* Percent-encoded, but for what is printable and no '%'. */
static struct span message_encode(const char *message, struct arena *arena)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = strlen(message), n = 0;
	uint8_t *text = arena_take_bytes(arena, len * 3 + 1);

	if (!text)
		return SPAN_NONE;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)message[i];
		if (byte >= ' ' && byte <= '~' && byte != '%') {
			text[n++] = byte;
			continue;
		}
		text[n++] = '%';
		text[n++] = (uint8_t)digits[byte >> 4];
		text[n++] = (uint8_t)digits[byte & 15];
	}
	return span_of(text, n);
}

int grpc_refuse(struct http_head *head, unsigned http_status, const char *message)
{
	const char *code = arena_printf(head->arena, "%u", grpc_code(http_status));
	struct span text = message_encode(message, head->arena);

	if (!code || !text.at)
		return err_new(-ENOBUFS);
	int r = http_head_set(head, HTTP_NAME_CONTENT_TYPE, SPAN_LIT("application/grpc"));
	if (r == 0)
		r = http_head_add_other(head, SPAN_LIT("grpc-status"), span_str(code));
	if (r == 0)
		r = http_head_add_other(head, SPAN_LIT("grpc-message"), text);
	return err_pass(r);
}
