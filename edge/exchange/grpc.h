/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc: what a client of gRPC gets when it is us who refuse: a response with status 200 and
 * trailers alone, for its library looks at nothing else. Pure.
 */
#pragma once

#include "edge/http/message.h"

/* Its content type is application/grpc, or begins with that and goes on with '+' or ';'. */
bool grpc_is(const struct http_head *request);
/* The code for a status of HTTP, by gRPC's "HTTP to gRPC Status Code Mapping". */
unsigned grpc_code(unsigned http_status);
/* Content-Type, grpc-status and grpc-message, into a head with status 200. Errors: -ENOBUFS. */
int grpc_refuse(struct http_head *head, unsigned http_status, const char *message);
