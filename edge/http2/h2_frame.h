/* SPDX-License-Identifier: Apache-2.0
 *
 * h2_frame: the nine bytes before each frame, and the numbers of RFC 9113. Pure.
 */
#pragma once

#include "core/net/outlet.h"

enum { H2_HEADER_BYTES = 9, H2_FRAME_MAX_BYTES = 16384, H2_WINDOW_DEFAULT = 65535 };
#define H2_WINDOW_MAX INT32_MAX
#define H2_STREAM_MAX UINT32_C(0x7fffffff)
/* What a client says first (RFC 9113 3.4). */
#define H2_PREFACE SPAN_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

enum h2_type { /* RFC 9113 6, RFC 9218 7.1 */
	       H2_DATA = 0x00,
	       H2_HEADERS = 0x01,
	       H2_PRIORITY = 0x02,
	       H2_RST_STREAM = 0x03,
	       H2_SETTINGS = 0x04,
	       H2_PUSH_PROMISE = 0x05,
	       H2_PING = 0x06,
	       H2_GOAWAY = 0x07,
	       H2_WINDOW_UPDATE = 0x08,
	       H2_CONTINUATION = 0x09,
	       H2_PRIORITY_UPDATE = 0x10,
};

enum h2_flag {
	H2_FLAG_ACK = 0x01,
	H2_FLAG_END_STREAM = 0x01,
	H2_FLAG_END_HEADERS = 0x04,
	H2_FLAG_PADDED = 0x08,
	H2_FLAG_PRIORITY = 0x20,
};

enum h2_setting { /* RFC 9113 6.5.2, RFC 8441 3, RFC 9218 2.1 */
		  H2_SETTING_HEADER_TABLE_SIZE = 1,
		  H2_SETTING_ENABLE_PUSH = 2,
		  H2_SETTING_MAX_CONCURRENT_STREAMS = 3,
		  H2_SETTING_INITIAL_WINDOW_SIZE = 4,
		  H2_SETTING_MAX_FRAME_SIZE = 5,
		  H2_SETTING_MAX_HEADER_LIST_SIZE = 6,
		  H2_SETTING_ENABLE_CONNECT_PROTOCOL = 8,
		  H2_SETTING_NO_RFC7540_PRIORITIES = 9,
};

enum h2_error { /* RFC 9113 7 */
		H2_NO_ERROR = 0x0,
		H2_PROTOCOL_ERROR = 0x1,
		H2_INTERNAL_ERROR = 0x2,
		H2_FLOW_CONTROL_ERROR = 0x3,
		H2_STREAM_CLOSED = 0x5,
		H2_FRAME_SIZE_ERROR = 0x6,
		H2_REFUSED_STREAM = 0x7,
		H2_CANCEL = 0x8,
		H2_COMPRESSION_ERROR = 0x9,
		H2_ENHANCE_YOUR_CALM = 0xb,
		H2_HTTP_1_1_REQUIRED = 0xd,
};

struct h2_header {
	uint32_t length; /* of the payload */
	uint8_t type, flags;
	uint32_t stream_id; /* the reserved bit is off */
};

/* From at least H2_HEADER_BYTES. */
struct h2_header h2_header_read(struct span bytes);
void h2_header_put(uint8_t at[H2_HEADER_BYTES], const struct h2_header *header);
uint32_t h2_u32(const uint8_t *at); /* big-endian */
void h2_u32_put(uint8_t *at, uint32_t value);

/* H2_NO_ERROR, or what a frame of this length, on this stream, is an error of: all that RFC 9113 6
 * says without knowing more. The error is the connection's. */
enum h2_error h2_header_check(const struct h2_header *header);

/* Whole frames into the outlet. */
void h2_put_settings(struct outlet *out, const uint32_t (*settings)[2], size_t n);
void h2_put_settings_ack(struct outlet *out);
void h2_put_ping(struct outlet *out, const uint8_t data[8], bool ack);
void h2_put_goaway(struct outlet *out, uint32_t last_id, enum h2_error error);
void h2_put_window_update(struct outlet *out, uint32_t stream_id, uint32_t by);
void h2_put_rst_stream(struct outlet *out, uint32_t stream_id, enum h2_error error);
/* HEADERS, with as many CONTINUATIONs as it takes. */
void h2_put_headers(struct outlet *out, uint32_t stream_id, struct span block, bool end_stream);
/* The head of a DATA frame; its bytes follow. */
void h2_put_data_header(struct outlet *out, uint32_t stream_id, size_t len, bool end_stream);
