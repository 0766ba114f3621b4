// Starting programs: functions of the C library that Swift's Glibc module leaves out.
#pragma once
#include <sys/types.h>

/// A pipe that no program inherits by itself.
int test_pipe(int ends[2]);

/// Starts a program that inherits no descriptor but its three streams, no blocked and no ignored signal.
///
/// `folder` may be null. Returns its number, or the negative error (posix_spawn(3)).
pid_t test_spawn(const char *path, char *const arguments[], char *const environment[], const char *folder,
                 const int streams[3]);
