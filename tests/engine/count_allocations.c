/* Preloaded into a process: counts what threads other than the main one ask of malloc. A batch of one thread steps on
   a thread of its own, so this is what the engine asks for, and nothing of Python's. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

static atomic_long allocations;

static void count(void) {
  if (gettid() != getpid()) atomic_fetch_add(&allocations, 1);
}

long allocations_so_far(void) { return atomic_load(&allocations); }

void *malloc(size_t bytes) {
  count();
  return __libc_malloc(bytes);
}

void *calloc(size_t items, size_t bytes) {
  count();
  return __libc_calloc(items, bytes);
}

void *realloc(void *old, size_t bytes) {
  count();
  return __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}
