"""Runs a program on a terminal of its own by a script: STEP... -- PROGRAM ARGUMENT...

A step is one of

    wait:TEXT    until TEXT has been shown since the last wait
    type:TEXT    types it at once; \\n is the return key, \\x1a Ctrl-Z, \\x04 Ctrl-D
    kill:NAME    sends the program's process group the signal SIGNAME
    echo:WHEN    writes [WHEN echo on] or [WHEN echo off] into the output, as the terminal has it now

Prints all that the terminal showed, and last [end echo on] or off; ends with the program's exit code, 128 and the
signal's number where a signal ended it, 99 where nothing happens for a minute.
"""

import os
import select
import signal
import sys
import termios
import time

ECHO = 3


class Terminal:
    def __init__(self, command: list[str]) -> None:
        self.master, self.slave = os.openpty()
        self.shown = b""
        self.seen = 0
        self.child = os.fork()
        if self.child == 0:
            os.close(self.master)
            os.login_tty(self.slave)
            os.execv(command[0], command)

    def read(self, seconds: float) -> None:
        if select.select([self.master], [], [], seconds)[0]:
            self.shown += os.read(self.master, 4096)

    def wait(self, text: bytes) -> None:
        end = time.monotonic() + 60
        while text not in self.shown[self.seen :]:
            if time.monotonic() > end:
                self.give_up(f"{text!r} did not come")
            self.read(0.1)
        self.seen = self.shown.index(text, self.seen) + len(text)

    def echo(self, when: str) -> None:
        state = "on" if termios.tcgetattr(self.slave)[ECHO] & termios.ECHO else "off"
        self.shown += f"[{when} echo {state}]".encode()

    def end(self) -> int:
        end = time.monotonic() + 60
        while True:
            pid, status = os.waitpid(self.child, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                self.give_up("the program did not end")
            self.read(0.05)
        while select.select([self.master], [], [], 0.1)[0]:
            self.read(0)
        self.echo("end")
        sys.stdout.write(self.shown.decode())
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def give_up(self, text: str) -> None:
        os.killpg(self.child, signal.SIGKILL)
        sys.stdout.write(self.shown.decode())
        sys.stderr.write(text + "\n")
        sys.exit(99)


def main() -> int:
    split = sys.argv.index("--")
    terminal = Terminal(sys.argv[split + 1 :])
    for step in sys.argv[1:split]:
        kind, _, text = step.partition(":")
        if kind == "wait":
            terminal.wait(text.encode())
        elif kind == "type":
            os.write(terminal.master, text.encode().decode("unicode_escape").encode())
        elif kind == "kill":
            os.killpg(terminal.child, signal.Signals[f"SIG{text}"])
        elif kind == "echo":
            terminal.echo(text)
        else:
            sys.exit(f"no step: {step}")
    return terminal.end()


if __name__ == "__main__":
    sys.exit(main())
