"""Waiting for the other processes, and what happens when one of them fails: the job ends, and says which and where.

Three things can go wrong, beside a killed process, which mpiexec itself notices:

- A rank raises: `sys.excepthook` prints the error with its rank and aborts the job.
- A rank ends, by ``sys.exit`` or at the end of its program, while others still need it: at its end, each rank sends
  all others a *farewell*, the number of collectives in which it took part. A rank that waits in a later one than
  that aborts the job. (A rank may have done its part and end while others still finish the same collective.)
- A rank hangs: whoever has waited for ``timeout`` seconds says where it waits, and aborts the job soon after. A
  rank that has come to no collective for as long has a thread that prints where it is.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
import traceback
from types import FrameType, TracebackType
from typing import Any

import numpy as np

FAREWELL = 1
"""MPI's tag of the message that a rank sends when it ends."""

GRACE = 1.0  # seconds between a rank's message and the end of the job, in which the others can say where they are
_PACKAGE = __name__.partition(".")[0] + "."


class Monitor:
    """Waits for collectives of one rank, watches for the end of the others, and ends the job if one fails."""

    def __init__(self, comm: Any, timeout: float) -> None:
        self.comm, self.timeout = comm, timeout
        self.begun = 0  # collectives in which this rank took part
        self.active_at = time.monotonic()  # when this rank last began or finished one
        self.is_waiting = False
        self.has_left = False
        others = [rank for rank in range(comm.size) if rank != comm.rank]
        self._counts = np.full((comm.size, 1), -1, np.int64)
        self._farewells = {rank: comm.Irecv(self._counts[rank], rank, FAREWELL) for rank in others}
        self._previous_hook, sys.excepthook = sys.excepthook, self._abort_after_error
        atexit.register(self.leave)
        threading.Thread(target=self._watch, daemon=True).start()

    def wait(self, request: Any, what: str) -> None:
        """Wait for a collective that this rank has begun. All ranks begin the same ones in the same order."""
        self.begun += 1
        self.active_at, self.is_waiting = time.monotonic(), True
        tries = 0
        while not request.Test():
            tries += 1
            if tries > 200:
                time.sleep(0 if tries < 2000 else 0.0005)  # others may want the core
                if tries % 16 == 0:
                    self._check_others(what)
        self.active_at, self.is_waiting = time.monotonic(), False

    def _check_others(self, what: str) -> None:
        for rank, farewell in self._farewells.items():
            if farewell.Test() and self._counts[rank, 0] < self.begun:
                self.end_job(
                    f"rank {rank} has ended, but this rank waits for it in {what} {_place(sys._getframe())}"
                )
        waited = time.monotonic() - self.active_at
        if waited > self.timeout:
            self.end_job(f"has waited {waited:.0f} s for other ranks in {what} {_place(sys._getframe())}")

    def leave(self) -> None:
        """Tell the others that this rank ends, and wait until all have."""
        if self.has_left:
            return
        self.has_left = True
        atexit.unregister(self.leave)
        mine = np.array([self.begun], np.int64)
        requests = [self.comm.Isend(mine, rank, FAREWELL) for rank in self._farewells]
        requests += self._farewells.values()
        began = time.monotonic()
        while not all(request.Test() for request in requests):
            time.sleep(0.0005)
            if time.monotonic() - began > self.timeout:
                self.end_job(f"has ended, and has waited {self.timeout:.0f} s for the others to end")
        sys.excepthook = self._previous_hook

    def say(self, text: str) -> None:
        """Print lines on the error stream, with the rank before each."""
        sys.stdout.flush()
        sys.stderr.write("".join(f"[rank {self.comm.rank}] {line}\n" for line in text.splitlines()))
        sys.stderr.flush()

    def end_job(self, why: str) -> None:
        """Say why, and end all processes."""
        self.say(why)
        time.sleep(GRACE)
        self.comm.Abort(1)

    def _abort_after_error(self, kind: Any, error: BaseException, trace: TracebackType | None) -> None:
        self.say("".join(traceback.format_exception(kind, error, trace)))
        self.comm.Abort(1)

    def _watch(self) -> None:
        """Print where the main thread is if it has come to no collective for as long as others wait for it."""
        thread = threading.main_thread().ident
        seen = 0.0
        while not self.has_left:
            time.sleep(min(1.0, self.timeout / 4))
            if not self.is_waiting and self.active_at != seen and time.monotonic() - self.active_at > self.timeout:
                seen = self.active_at
                frame = sys._current_frames().get(thread or 0)
                stack = "".join(traceback.format_stack(frame)) if frame else "unknown\n"
                self.say(f"has come to no collective for {self.timeout:.0f} s; it is here:\n{stack}")


def _place(frame: FrameType | None) -> str:
    """Return the line of the user's code that a frame was called from."""
    inner = frame
    while frame is not None and str(frame.f_globals.get("__name__")).startswith(_PACKAGE):
        frame = frame.f_back
    found = frame or inner
    return f"at {found.f_code.co_filename}:{found.f_lineno}" if found is not None else ""
