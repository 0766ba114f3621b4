// In C, since a signal's handler may do only what signal-safety(7) lists, and Swift's runtime is not on that list.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "CLinux.h"

static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT};
enum { signal_count = sizeof signals / sizeof *signals };

/// The terminal without echo; -1: none.
static volatile sig_atomic_t hidden = -1;
static struct termios before;
static struct sigaction former[signal_count];
static char prompt[256];
static volatile sig_atomic_t prompt_length;

/// A job in the background would be stopped for changing a terminal that another job uses.
static _Bool is_ours(int terminal) { return tcgetpgrp(terminal) == getpgrp(); }

/// Stops the process until the terminal is its own, as a read in the background would, but before the settings are
/// looked at, which are another job's until then. False where nobody can bring the job to the front.
static _Bool come_to_front(int terminal) {
  while (!is_ours(terminal)) {
    // Changes nothing, and stops a job in the background.
    if (tcdrain(terminal) == 0) return is_ours(terminal);
    if (errno != EINTR) return 0;
  }
  return 1;
}

static void take_echo_off(int terminal, int when) {
  struct termios settings = before;
  settings.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
  tcsetattr(terminal, when, &settings);
}

static void put_back(int terminal) {
  if (is_ours(terminal)) tcsetattr(terminal, TCSAFLUSH, &before);
}

/// Lets the signal do what it does without a handler. Returns after SIGTSTP alone, when the process goes on.
static void act_by_default(int number) {
  struct sigaction standard = {.sa_handler = SIG_DFL}, own;
  sigaction(number, &standard, &own);
  sigset_t set, blocked;
  sigemptyset(&set);
  sigaddset(&set, number);
  raise(number);
  pthread_sigmask(SIG_UNBLOCK, &set, &blocked);
  pthread_sigmask(SIG_SETMASK, &blocked, NULL);
  sigaction(number, &own, NULL);
}

static void handle(int number) {
  int error = errno;
  int terminal = hidden;
  if (number != SIGCONT) {
    if (terminal >= 0) put_back(terminal);
    act_by_default(number);
  } else if (terminal >= 0 && is_ours(terminal)) {
    take_echo_off(terminal, TCSANOW);
    if (prompt_length > 0 && write(terminal, prompt, (size_t)prompt_length) < 0) errno = error;
  }
  errno = error;
}

_Bool countersign_hide_input(int terminal) {
  static _Bool is_registered;
  if (!come_to_front(terminal) || tcgetattr(terminal, &before) != 0) return 0;
  if (!is_registered) is_registered = atexit(countersign_show_input) == 0;
  prompt_length = 0;
  hidden = terminal;
  struct sigaction own = {.sa_handler = handle, .sa_flags = SA_RESTART};
  for (int index = 0; index < signal_count; index++) {
    sigaction(signals[index], NULL, &former[index]);
    if (former[index].sa_handler != SIG_IGN) sigaction(signals[index], &own, NULL);
  }
  take_echo_off(terminal, TCSAFLUSH);
  return 1;
}

void countersign_set_prompt(const char *text) {
  prompt_length = 0;
  size_t length = strnlen(text, sizeof prompt - 1);
  memcpy(prompt, text, length);
  prompt_length = (sig_atomic_t)length;
}

void countersign_show_input(void) {
  int terminal = hidden;
  if (terminal < 0) return;
  put_back(terminal);
  hidden = -1;
  for (int index = 0; index < signal_count; index++) sigaction(signals[index], &former[index], NULL);
}
