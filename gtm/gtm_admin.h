/* SPDX-License-Identifier: Apache-2.0
 *
 * gtm_admin: the operator's pages of a GTM: /status and /explain.
 */
#pragma once

#include "gtm/control.h"

/* Errors: -ENOMEM. */
int gtm_admin_pages(struct admin *admin, struct control *control);
