/* SPDX-License-Identifier: Apache-2.0
 *
 * view: built once by the cluster's thread (or a test), then only read. Its members are one array;
 * strings and services lie in an arena of its own.
 */
#include "cluster/view.h"

#include <stdlib.h>

#include "core/arena.h"
#include "core/must.h"
#include "core/obj.h"

/* Some hundred bytes a member, some more a service: room for the largest cluster we mean to run. */
enum { VIEW_MAX_BYTES = 64 * 1024 * 1024 };

struct view_whole {
	struct view view;
	struct arena arena;
	struct view_member members[];
};

static struct view_whole *whole_of(struct view *view)
{
	return CONTAINER_OF(view, struct view_whole, view);
}

static void free_view(struct snapshot *snapshot)
{
	struct view_whole *whole = whole_of(CONTAINER_OF(snapshot, struct view, snapshot));

	arena_fini(&whole->arena);
	free(whole);
}

struct view *view_new(size_t n_members)
{
	size_t len;

	if (__builtin_mul_overflow(n_members, sizeof(struct view_member), &len) ||
	    __builtin_add_overflow(len, sizeof(struct view_whole), &len))
		return NULL;
	struct view_whole *whole = calloc(1, len);
	if (!whole)
		return NULL;
	snapshot_init(&whole->view.snapshot, free_view);
	arena_init(&whole->arena, VIEW_MAX_BYTES);
	whole->view.members = whole->members;
	whole->view.n_members = n_members;
	return &whole->view;
}

const char *view_str(struct view *view, const char *s)
{
	return arena_copy_str(&whole_of(view)->arena, span_str(s));
}

struct view_service *view_services(struct view *view, size_t n)
{
	size_t len;

	if (__builtin_mul_overflow(n, sizeof(struct view_service), &len))
		return NULL;
	struct view_service *services = arena_take(&whole_of(view)->arena, MAX(len, (size_t)1));
	if (services)
		memset(services, 0, len);
	return services;
}

static int compare_id(const void *a, const void *b)
{
	const struct member_id *id = a;
	const struct view_member *member = b;

	return memcmp(id->bytes, member->id.bytes, MEMBER_ID_BYTES);
}

const struct view_member *view_member_by_id(const struct view *view, const struct member_id *id)
{
	return view->n_members == 0 ? NULL
				    : bsearch(id, view->members, view->n_members,
					      sizeof(view->members[0]), compare_id);
}

static int compare_name(const void *a, const void *b)
{
	const struct view_service *service = b;

	return strcmp(a, service->name);
}

const struct view_service *view_service_by_name(const struct view_member *member, const char *name)
{
	return member->n_services == 0 ? NULL
				       : bsearch(name, member->services, member->n_services,
						 sizeof(member->services[0]), compare_name);
}

const char *member_state_name(enum member_state state)
{
	switch (state) {
	case MEMBER_ALIVE:
		return "alive";
	case MEMBER_SUSPECT:
		return "suspect";
	case MEMBER_DEAD:
		return "dead";
	case MEMBER_LEFT:
		return "left";
	}
	UNREACHABLE();
}

const char *health_state_name(enum health_state state)
{
	switch (state) {
	case HEALTH_UNKNOWN:
		return "unknown";
	case HEALTH_UP:
		return "up";
	case HEALTH_DEGRADED:
		return "degraded";
	case HEALTH_DOWN:
		return "down";
	}
	UNREACHABLE();
}
