"""Progress bars in the terminal."""

from __future__ import annotations

from tqdm import tqdm


class ProgressBar(tqdm):  # type: ignore[misc]
    """tqdm's bar without its monitor thread.

    If Ctrl-C interrupts a bar while it holds tqdm's lock, the monitor waits for that lock for ever, and so does the
    end of the process, which waits for the monitor.
    """

    monitor_interval = 0
