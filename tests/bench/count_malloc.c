/* SPDX-License-Identifier: Apache-2.0
 *
 * count_malloc: put before a program by LD_PRELOAD, it counts what that and its children ask of the
 * heap, in a file that is mapped by all of them. It calls glibc's allocator by its own names, which
 * needs no look-up and so works from the first call on. tests/bench/per_request.py builds and reads
 * it.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *at, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t before_the_file, *n_calls = &before_the_file;

__attribute__((constructor)) static void counter_open(void)
{
	const char *path = getenv("BENCH_MALLOC_COUNT");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *at = mmap(NULL, sizeof(*n_calls), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		n_calls = at;
	close(fd);
}

static void count(void)
{
	atomic_fetch_add_explicit(n_calls, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	count();
	return __libc_calloc(n, size);
}

void *realloc(void *at, size_t size)
{
	count();
	return __libc_realloc(at, size);
}

void *memalign(size_t alignment, size_t size)
{
	count();
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	count();
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_at, size_t alignment, size_t size)
{
	count();
	void *at = __libc_memalign(alignment, size);
	if (!at)
		return ENOMEM;
	*ret_at = at;
	return 0;
}
