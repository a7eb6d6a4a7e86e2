/* SPDX-License-Identifier: Apache-2.0
 *
 * obj: the few idioms that every struct of ours shares.
 *
 * A struct that outlives a loop turn or crosses a `void *` begins with `uint32_t kind`. It is made
 * with OBJ_NEW, seen again with OBJ_CAST, and freed with OBJ_FREE, which clears the kind first, so
 * that a use after the end stops at once and says where.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/must.h"

/* A kind is four letters, so that it can be read in a core dump: OBJ_KIND('c','o','n','n'). */
#define OBJ_KIND(a, b, c, d)                                                                       \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

/* Zeroed memory with its kind set, or NULL: `struct x *x = OBJ_NEW(struct x, X_KIND);` */
#define OBJ_NEW(type, kind_value)                                                                  \
	({                                                                                         \
		type *obj_new_ = calloc(1, sizeof(type));                                          \
		if (obj_new_)                                                                      \
			obj_new_->kind = (kind_value);                                             \
		obj_new_;                                                                          \
	})

#define OBJ_CAST(type, pointer, kind_value)                                                        \
	({                                                                                         \
		type *obj_cast_ = (pointer);                                                       \
		MUST(obj_cast_ && obj_cast_->kind == (kind_value));                                \
		obj_cast_;                                                                         \
	})

#define OBJ_FREE(pointer)                                                                          \
	do {                                                                                       \
		(pointer)->kind = 0;                                                               \
		free(pointer);                                                                     \
	} while (0)

#define CONTAINER_OF(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))

/* `CLEANUP(fd_drop) int fd = …;` runs fd_drop(&fd) when the scope ends. */
#define CLEANUP(func) __attribute__((cleanup(func)))

/* Ownership leaves this variable: the cleanup finds nothing to do. */
#define TAKE(pointer)                                                                              \
	({                                                                                         \
		typeof(pointer) take_ = (pointer);                                                 \
		(pointer) = NULL;                                                                  \
		take_;                                                                             \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int take_fd_ = (fd);                                                               \
		(fd) = -1;                                                                         \
		take_fd_;                                                                          \
	})

static inline void fd_drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void free_drop(void *pointer)
{
	free(*(void **)pointer);
}
