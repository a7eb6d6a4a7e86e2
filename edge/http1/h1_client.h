/* SPDX-License-Identifier: Apache-2.0
 *
 * h1_client: HTTP/1.1 towards an origin: one request on one connection, then the connection is kept
 * or closed. The worker's thread alone.
 *
 * The struct lies in the arena of the setup, which must live until on_done, on_failed or cancel().
 * on_head comes unasked, on_body after want_body(). A response that ends before the request was
 * given whole ends the connection: on_done follows all the same.
 */
#pragma once

#include "edge/http/roles.h"

/* A requester_begin_fn. setup is copied; setup->conn is moved, also on failure. Errors: -ENOBUFS.
 */
int h1_client_begin(const struct requester_setup *setup, struct requester **ret_requester);
