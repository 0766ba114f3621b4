// Functions of Linux that Swift's Glibc module leaves out.
#pragma once
#include <pthread.h>
#include <stddef.h>

/// Names the calling thread, at most 15 bytes; shown by top and debuggers.
void countersign_name_thread(const char *name);

/// No core dumps, and no debugger of the same user reads this process's memory (prctl(2), PR_SET_DUMPABLE).
int countersign_refuse_dumps(void);

/// Whether a part stands anywhere in some bytes (memmem(3)).
_Bool countersign_contains(const void *bytes, size_t count, const void *part, size_t part_count);

/// Gives memory that was freed back to the system (malloc_trim(3)).
void countersign_release_memory(void);
