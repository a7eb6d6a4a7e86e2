/* SPDX-License-Identifier: Apache-2.0
 *
 * precondition: If-Match and its kin (RFC 9110 13), asked of a response that is at hand. Pure.
 */
#pragma once

#include "edge/http/message.h"

enum precondition {
	PRECONDITION_PASSED,
	PRECONDITION_NOT_MODIFIED, /* 304 */
	PRECONDITION_FAILED,       /* 412 */
};

/* Of GET or HEAD, in the order of RFC 9110 13.2.2, against a response's ETag, Last-Modified and
 * Date. */
enum precondition precondition_judge(const struct http_head *request,
				     const struct http_head *response, int64_t now_s);
/* Does Range count, as far as If-Range has a say (RFC 9110 13.1.5)? */
bool precondition_if_range(const struct http_head *request, const struct http_head *response,
			   int64_t now_s);
/* RFC 9110 8.8.3.2. Weak: W/ counts for nothing; strong: neither may have it. */
bool http_etag_eq(struct span a, struct span b, bool weakly);
