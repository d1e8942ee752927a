"""Run a script or a module as Python does, with this package in the place of PyTorch."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from tinygrad_cnn.compat import import_hook, old_methods, torchrun
from tinygrad_cnn.support import missing_names

_HERE = str(Path(__file__).parent)
_HIDDEN = (
    _HERE,
    missing_names.__file__,
    "<frozen runpy>",
    "<frozen importlib",
    str(Path(_HERE).parent / "__main__"),
)


def run(target: str, arguments: list[str], as_module: bool) -> None:
    """Run a file, or with ``as_module`` the module of a name, as ``__main__`` with these arguments."""
    import_hook.install()
    old_methods.install()
    torchrun.set_variables()
    sys.excepthook = _print_exception
    sys.argv = [target, *arguments]
    if as_module:
        runpy.run_module(target, run_name="__main__", alter_sys=True)
    else:
        _run_file(target)


def _run_file(target: str) -> None:
    path = os.path.abspath(target)
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        print(
            f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}", file=sys.stderr
        )
        sys.exit(2)
    code = compile(source, path, "exec", dont_inherit=True)
    sys.path[0] = str(Path(path).resolve().parent)
    module = ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


def _print_exception(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print an uncaught exception as Python does, without the frames of this command and of its import hook."""
    _hide(error)
    sys.__excepthook__(kind, error, error.__traceback__)


def _hide(error: BaseException | None) -> None:
    """Remove hidden frames from the traceback of an exception, and of those that it came from."""
    while error is not None:
        error.__traceback__ = _without_hidden(error.__traceback__)
        error = error.__cause__ or error.__context__


def _without_hidden(traceback: Any) -> TracebackType | None:
    if traceback is None:
        return None
    rest = _without_hidden(traceback.tb_next)
    if traceback.tb_frame.f_code.co_filename.startswith(_HIDDEN):
        return rest
    return TracebackType(rest, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno)
