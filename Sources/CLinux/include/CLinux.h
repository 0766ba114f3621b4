// Functions of Linux that Swift's Glibc module leaves out.
#pragma once
#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

/// Names the calling thread, at most 15 bytes; shown by top and debuggers.
void countersign_name_thread(const char *name);

/// No core dumps, and no debugger of the same user reads this process's memory (prctl(2), PR_SET_DUMPABLE).
int countersign_refuse_dumps(void);

/// Whether a part stands anywhere in some bytes (memmem(3)).
_Bool countersign_contains(const void *bytes, size_t count, const void *part, size_t part_count);

/// Opens a new file without a name for writing (open(2), O_TMPFILE), which linkat(2) gives one.
///
/// - Returns: -1 with the cause in errno; EOPNOTSUPP where the folder's file system has no such files.
int countersign_open_unnamed(const char *folder, mode_t mode);

/// Gives memory that was freed back to the system (malloc_trim(3)).
void countersign_release_memory(void);

/// Takes echo off on a terminal (termios(3)), and what was typed before is dropped. From then on a signal that ends the
/// process (SIGHUP, SIGINT, SIGQUIT, SIGTERM) or stops it (SIGTSTP), and exit(3), put the terminal's settings back first;
/// SIGCONT takes echo off again and shows the prompt once more. Signals that are ignored stay so. One terminal at
/// a time.
///
/// A job in the background is stopped until it is brought to the front, where the calling thread does not block SIGTTOU.
///
/// - Returns: false where it is no terminal, or nobody can bring this process to its front.
_Bool countersign_hide_input(int terminal);

/// What is being asked, to be shown again after SIGCONT; cut after 255 bytes. An empty one shows nothing.
void countersign_set_prompt(const char *prompt);

/// Drops what was typed and not read, and puts the terminal's settings and the signals back. Nothing where nothing is
/// hidden.
void countersign_show_input(void);
