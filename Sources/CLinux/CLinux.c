#define _GNU_SOURCE
#include "CLinux.h"

#include <sys/prctl.h>

void countersign_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

int countersign_refuse_dumps(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
