"""The process that compiles loops: ``python -m tinygrad_cnn.kernels.compiled.build FOLDER UNIT ...``."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from llvmlite import binding
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from tinygrad_cnn.kernels.compiled.code_file import Code, write_code
from tinygrad_cnn.kernels.compiled.exports import EXPORTS


def _optimised(text: str, machine: Any) -> Any:
    """Return LLVM's module, without the code for errors that its functions never raise."""
    module = binding.parse_assembly(text)
    passes = binding.create_new_module_pass_manager()
    passes.add_ipsccp_pass()
    passes.add_simplify_cfg_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, binding.create_pass_builder(machine, binding.create_pipeline_tuning_options()))
    return module


@global_compiler_lock
def compiled(functions: dict[str, tuple[Any, Callable[..., Any]]]) -> Code:
    """Compile functions, each with its signature."""
    machine = cpu_target.target_context.codegen()._tm
    code = Code({}, [], [])
    for name, (signature, function) in functions.items():
        wanted = signature.args, signature.return_type
        compiler: Any = CFunc(function, wanted, {}, {"error_model": "numpy"})
        made = compiler._compile_uncached()
        made.library.finalize()
        module = _optimised(made.library.get_llvm_str(), machine)
        code.functions[name] = made.fndesc.llvm_cfunc_wrapper_name
        code.needs.extend(f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm."))
        code.objects.append(machine.emit_object(module))
    return code


def main(folder: str, *units: str) -> None:
    """Compile units into files of a folder."""
    gc.disable()  # compiling makes many objects, and hardly any garbage
    JITCodeLibrary._finalize_specific = lambda self: None  # else machine code of inlined functions, too, is made
    for unit in units:
        module = f"{__package__}.{unit}"
        import_module(module)
        write_code(Path(folder) / unit, compiled(EXPORTS[module]))


if __name__ == "__main__":
    main(*sys.argv[1:])
