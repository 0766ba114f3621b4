"""Runs a program on a terminal of its own and answers its questions: PROGRAM and its arguments after "--".

Each answer is typed when a question has come ("...: " without a line's end). Prints all that the terminal showed, and
ends with the program's exit code.
"""

import os
import pty
import sys


def main() -> int:
    split = sys.argv.index("--")
    answers, command = sys.argv[1:split], sys.argv[split + 1 :]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    shown = b""
    seen = 0
    while True:
        try:
            some = os.read(terminal, 4096)
        except OSError:
            break
        if not some:
            break
        shown += some
        if shown[seen:].endswith(b": ") and answers:
            os.write(terminal, answers.pop(0).encode() + b"\n")
            seen = len(shown)
    sys.stdout.write(shown.decode())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
