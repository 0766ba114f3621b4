// SQLite's header, and functions for those of its macros that Swift cannot import.
#pragma once
#include <sqlite3.h>

static inline sqlite3_destructor_type countersign_sqlite_static(void) { return SQLITE_STATIC; }
