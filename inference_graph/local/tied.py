"""Becomes the command given to it, tied to its parent: it is killed when the parent ends, however that ends.

Run by path with `python -I -S tied.py PARENT COMMAND...`, so that it imports nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:  # else it died before the tie
        os.execv(command[0], command)


if __name__ == "__main__":
    main()
