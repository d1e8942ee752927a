"""``torch.jit`` for modules that ask whether they are being compiled: they are not."""

from __future__ import annotations

from typing import Any

from tinygrad_cnn.compat.refused import refused


def is_scripting() -> bool:
    """Return False: there is no TorchScript."""
    return False


def is_tracing() -> bool:
    """Return False: there is no TorchScript."""
    return False


def ignore(function: Any = None, **_: Any) -> Any:
    """Return the function itself."""
    return function if callable(function) else lambda f: f


unused = export = ignore

script = refused("torch.jit.script")
trace = refused("torch.jit.trace")
load = refused("torch.jit.load")
save = refused("torch.jit.save")
freeze = refused("torch.jit.freeze")
script_method = refused("torch.jit.script_method")
ScriptModule = refused("torch.jit.ScriptModule")
