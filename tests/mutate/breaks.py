"""The breaks that `python -m tests.mutate` plants: single lines that are slightly wrong, a dozen for each room.

Each names a file of the package, a text that is in it once, what to put in its place and, where that is not
all tests of the room, which tests must notice. `tests/test_mutate.py` fails when a text is no longer there: choose
another that breaks the same thing.
"""

from __future__ import annotations

from typing import NamedTuple


class Break(NamedTuple):
    file: str
    find: str
    put: str
    tests: str = ""


class Room(NamedTuple):
    tests: str
    breaks: list[Break]
    needs: tuple[str, ...] = ()  # modules without which the tests of the room are skipped

    def tests_of(self, broken: Break) -> str:
        """Arguments for pytest: files, and perhaps -k and an expression."""
        return broken.tests or self.tests


def ops(file: str, find: str, put: str, cases: str) -> Break:
    """A break that the promises of some cases of the registry must notice."""
    return Break(f"ops/{file}", find, put, f"tests/test_ops.py -k {cases}")


CACHE = "tests/test_compiled_cache.py"
EDGES = "tests/test_ops_edges.py tests/test_numerical_stability.py"

ROOMS: dict[str, Room] = {}

# --- the heart ---

ROOMS["tape"] = Room(
    "tests/test_autograd.py tests/test_state_machine.py tests/test_autograd_function.py",
    [
        Break(
            "tape/walk.py",
            "            heappush(self._newest, (-origin.sequence, origin))",
            "            heappush(self._newest, (origin.sequence, origin))",
        ),
        Break("tape/walk.py", "if not self.retain_graph:", "if self.retain_graph:"),
        Break("tape/walk.py", "        if writes.times[LATEST] > node.sequence:", "        if False:"),
        Break(
            "tape/walk.py", "gradient = replaced if self.create_graph else replaced.array", "gradient = gradient"
        ),
        Break("tape/walk.py", "if origin.array is not array:", "if False:"),
        Break("tape/walk.py", "edges = [edge for edge in edges if edge[0] in self.needed]", "edges = list(edges)"),
        Break("tape/walk.py", "if node in self.captured:", "if False:"),
        Break("tape/gradients.py", "if origin in self._sums:", "if self._in_place:"),
        Break("tape/gradients.py", "origin in self._sums or is_exclusive(self, origin)", "True"),
        Break("tape/record.py", "        if self.saves:", "        if True:"),
        Break("tape/record.py", "if needing and _mode.recording:", "if needing:"),
        Break("tape/writes.py", "if self.times.get(key, -1) > since:", "if self._writers[key][2] > since:"),
        Break("tape/writes.py", "zip((*keys, LATEST), clock)", "zip(keys, clock)"),
        Break("tape/backward.py", "mark_written(array, ACCUMULATED)", "pass", "tests/test_misuse.py"),
        Break("tape/writes.py", "elif known[1] != writer:", "elif False:", "tests/test_misuse.py"),
    ],
)

ROOMS["autograd"] = Room(
    "tests/test_autograd_function.py tests/test_autograd_functional.py tests/test_autograd.py "
    "tests/test_gradcheck.py",
    [
        Break(
            "autograd/functional.py",
            "if create_graph and t.requires_grad else t.detach()",
            "if False else t.detach()",
        ),
        Break("autograd/functional.py", "(create_graph and not gradient.requires_grad))", "False)"),
        Break("autograd/function.py", "view.flags.writeable = False", "view.flags.writeable = True"),
        Break("autograd/function.py", "(g, ready) if ready else (None, {})", "(None, {})"),
        Break("autograd/function.py", "if asked is not g or index not in ready:", "if index not in ready:"),
        Break(
            "autograd/function.py", "if value is not None and (value.shape, value.dtype) != argument:", "if False:"
        ),
        Break(
            "autograd/gradcheck.py", "<= atol + rtol * np.abs(numeric)", "<= atol + rtol * np.abs(numeric) + 1e-2"
        ),
        Break("autograd/gradcheck.py", "rtol=0, atol=nondet_tol", "rtol=0, atol=1"),
        Break("autograd/gradcheck.py", "source.copy_(kept)", "pass"),
    ],
)

ROOMS["methods"] = Room(
    "tests/test_tensor.py tests/test_autograd.py tests/test_assignment.py tests/test_numpy_functions.py "
    "tests/test_numpy_protocol.py tests/test_writes_in_place.py",
    [
        Break("methods/in_place.py", "mark_written(self.array, name)", "pass"),
        Break("methods/in_place.py", "if result.shape != array.shape:", "if False:"),
        Break("methods/recorded_writes.py", 'return target.dtype.kind == "f"', "return True"),
        Break("methods/recorded_writes.py", "fresh[0].sequence = next(clock)", "pass"),
        Break("methods/recorded_writes.py", "for node in fresh if apart else ():", "for node in ():"),
        Break("methods/recorded_writes.py", 'fresh[0].kept["out"] = target.array', "pass"),
        Break("methods/recorded_writes.py", "if not (replaces and target is base):", "if target is not base:"),
        Break(
            "methods/recorded_writes.py", "node.hooks.after, before.hooks.after = before.hooks.after, []", "pass"
        ),
        Break("methods/recorded_writes.py", "if view._refusal is None:", "if True:"),
        Break("tape/views.py", "source._refusal if _mode.recording else MADE_UNDER_NO_GRAD", "source._refusal"),
        Break(
            "tape/views.py",
            "source if source._base is None else source._base",
            "source",
        ),
        Break("ops/region.py", "if stride <= reach:", "if stride < reach:"),
        Break("methods/conversions.py", "if wanted == self.dtype and not copy:", "if wanted == self.dtype:"),
        Break("methods/conversions.py", 'self if wanted.kind == "f" else make_tensor(self, self.array)', "self"),
        Break(
            "methods/numpy_protocol.py", "ops.std(a, axis, keepdim=keepdims, correction=ddof)", "ops.std(a, axis)"
        ),
        Break("methods/numpy_protocol.py", "2 - length % 2", "1"),
        Break("methods/numpy_protocol.py", "np.fmod: ops.fmod", "np.fmod: ops.remainder"),
    ],
)

ROOMS["creation"] = Room(
    "tests/test_creation.py",
    [
        Break(
            "creation/given.py", "np.integer)) for v in (first, last, by))", "np.integer)) for v in (first, last))"
        ),
        Break("creation/given.py", '{"f": default_dtype(), "b": bool_}', '{"b": bool_}'),
        Break("creation/drawn.py", "low, high = 0, low", "low, high = 1, low"),
        Break("creation/leaf.py", "result.requires_grad = requires_grad", "result.requires_grad = False"),
        Break("random.py", "Generator().manual_seed(seed)", "Generator()"),
        Break(
            "support/dtypes.py",
            "if best is None or _category(widest) > _category(best):",
            "if best is None:",
            "tests/test_tensor.py",
        ),
    ],
)

# --- the calculus ---

ROOMS["ops"] = Room(
    "tests/test_ops.py",
    [
        Break("ops/index.py", "if repeats == 1:", "if repeats <= 2:", "tests/test_fast_paths.py"),
        Break("ops/index.py", "values.ravel())", "0 * values.ravel())", "tests/test_fast_paths.py"),
        Break("ops/index.py", "np.bincount(index.ravel()).max()", "1", "tests/test_fast_paths.py"),
        Break("ops/index.py", "np.add.at(out, index, input)", "out[index] += input", "tests/test_ops.py -k index"),
        ops("masked.py", "array + size * (array < 0)", "array + size * (array < -1)", "take"),
        ops("masked.py", "np.where(indices < 0, indices + length, indices)", "indices", "take_along_dim"),
        ops("scan.py", "flip(_product_before(flip(input, dim), dim), dim)", "_product_before(input, dim)", "prod"),
        ops("scan.py", "step *= 2\n    return terms", "step *= 3\n    return terms", "cumprod"),
        ops("sort.py", "(array.shape[axis] - 1) // 2, axis)", "array.shape[axis] // 2, axis)", "median"),
        Break(
            "ops/sort.py", "array.ndim - 1, largest)", "array.ndim - 1, not largest)", "tests/test_fast_paths.py"
        ),
        Break("ops/sort.py", "length - k if largest else k - 1)", "length - 1)", "tests/test_fast_paths.py"),
        Break("ops/loss.py", "return not 0 <= ignore_index < shape[1] and", "return", EDGES),
        ops(
            "loss.py",
            "target * (1 - smoothing) + smoothing / shape[axis]",
            "target * (1 - smoothing)",
            "cross_entropy",
        ),
        ops(
            "loss.py",
            "return weights, total",
            "return weights, np.float32(indices.size)",
            "cross_entropy or nll_loss",
        ),
        ops("shape.py", "if n != 1 or i not in dims", "if n != 1", "squeeze"),
        ops("matrix.py", "squeeze(product, -1 if len(b) == 1 else -2)", "squeeze(product, -1)", "matmul"),
        ops("pool.py", "n + p * include_padding)", "n)", "avg_pool"),
        ops("conv.py", "if height % 2 or width % 2:", "if False:", "conv2d_padded"),
        ops("conv.py", "+ d * (k - 1) + e + 1", "+ d * (k - 1) + 1", "conv_transpose"),
        ops("linalg.py", "base) if n % 2 else", "base) if n % 3 else", "matrix_power"),
        ops("broadcast.py", "out = self.forward(a, b)", "out = self.forward(b, a)", "sub"),
        Break("ops/einsum.py", "n if known == 1 else known", "n", EDGES),
        ops("padding.py", "slice(-2, -after - 2, -1)", "slice(-1, -after - 1, -1)", "pad"),
        Break("ops/loss.py", "-100.0)", "-200.0)", EDGES),
        Break("ops/broadcast.py", 'if floats and dtype.kind != "f":', "if False:", "tests/test_tensor.py"),
    ],
)

ROOMS["ops at their edges"] = Room(
    EDGES,
    [
        Break(
            "ops/softmax.py",
            "    z = wide - np.maximum.reduce(wide, dim, keepdims=True, initial=-np.inf)",
            "    z = wide - 0",
        ),
        Break("ops/loss.py", "    z[target == 0] = 0", "    z[target == 0] += 0"),
        Break("ops/loss.py", "chosen = where(ne(scale, 0), input, 0.0)", "chosen = input"),
        Break("kernels/piecewise.py", "np.log1p(out, out=out)", "np.log(1 + out, out=out)"),
        Break("ops/reduce.py", " | (x != x)", ""),
        Break("ops/distance.py", "where(positive, where(positive, x, 1.0) ** p, 0.0)", "x**p"),
        Break("ops/matrix.py", "return scaled if beta == 0 else", "return"),
        Break(
            "ops/linalg.py", "np.where(np.eye(s.shape[-1], dtype=np.bool_), 1, s[..., None, :])", "s[..., None, :]"
        ),
        Break("ops/broadcast.py", "            if wide is None:", "            if True:", "tests/test_sums.py"),
    ],
)

# --- arrays ---

ROOMS["kernels"] = Room(
    "tests/test_kernels.py tests/test_kernels_reference.py tests/test_kernels_memory.py tests/test_erf.py "
    "tests/test_batch_innermost.py tests/test_kernels_threads.py tests/test_sums.py tests/test_fast_paths.py",
    [
        Break("kernels/batch_innermost.py", "samples.T\n", "samples.T[::-1]\n"),
        Break(
            "kernels/batch_innermost.py",
            "np.add(to_batch_innermost(a), to_batch_innermost(b))",
            "to_batch_innermost(a)",
        ),
        Break("kernels/batch_innermost.py", "and x.strides[0] == x.itemsize", "and False"),
        Break("kernels/conv.py", "spread[place + count :] = 0", "spread[place + count + 1 :] = 0"),
        Break("kernels/conv.py", "columns[:, below:] = 0", "columns[:, below + 1 :] = 0"),
        Break("kernels/conv.py", "min((stop - 1) // sh, oh - 1)", "oh - 1"),
        Break(
            "kernels/matmul.py",
            "np.matmul(a, b[:, i:j], out=out[:, i:j])",
            "np.matmul(a, b[:, : j - i], out=out[:, i:j])",
        ),
        Break(
            "kernels/pool.py",
            "g_bits, spread_bits = bits(g), bits(spread)",
            "g_bits, spread_bits = g, spread",
        ),
        Break("kernels/pool.py", "        flat_free ^= flat_hit\n", ""),
        Break("kernels/pool.py", "yield hit\n        free ^= hit", "yield hit"),
        Break("kernels/relu.py", "np.multiply(bits(values), mask != 0,", "np.multiply(bits(values), mask > 0,"),
        Break("kernels/matmul.py", "return x if by_rows or by_columns else", "return x if True else"),
        Break("kernels/matmul.py", "return out if whole == terms else", "return out if True else"),
        Break("kernels/sums.py", "return out if whole == length else", "return out if True else"),
        Break("kernels/sums.py", "wide = empty(x.shape, _DOUBLE)", "wide = empty(x.shape, x.dtype)"),
        Break("kernels/sums.py", "    rest += _part(upto, axis, -1, None)\n", ""),
        Break("kernels/sums.py", "(count - correction)", "count", "tests/test_nn_modules.py"),
        Break("kernels/memory.py", "if sys.getrefcount(placed[0]) == 2:", "if True:"),
        Break("kernels/memory.py", "    array.fill(0)\n", "    array.shape\n"),
        Break("kernels/memory.py", "references = 3 if", "references = 4 if"),
        Break("kernels/threads.py", "self.ended.put(error)", "self.ended.put(None)"),
        Break("kernels/erf.py", "far = y > 4", "far = y > 3"),
        Break(
            "kernels/geometry.py",
            "return length - ((length - 1) * s >= n + p)",
            "return length",
            "tests/test_ops.py -k pool",
        ),
    ],
)

ROOMS["compiled kernels"] = Room(
    "tests/test_kernels.py tests/test_compiled.py -k compiled or bits or blocks",
    [
        Break("kernels/compiled/conv.py", "[..., ::-1, ::-1]", "[..., ::-1, :]"),
        Break("kernels/compiled/conv.py", "    if stride != (1, 1):", "    if False:"),
        Break("kernels/compiled/pool_loops.py", "left = where_equal(value, wanted, none, left)", "left = left"),
        Break("kernels/compiled/pool.py", "(memory.empty if plan.covers else memory.zeros)", "(memory.empty)"),
        Break("kernels/compiled/sums_loops.py", "                add_sums(some, out, place, 0)\n", ""),
        Break("kernels/compiled/matmul.py", "1 if down else terms, rows if down else 1", "terms, 1"),
        Break("kernels/compiled/matmul_loops.py", "        if first:\n", "        if False:\n"),
        Break("kernels/compiled/conv_loops.py", "                tile = none\n", "                pass\n"),
        Break("kernels/compiled/key.py", 'KERNELS.rglob("*.py")', 'KERNELS.glob("*.py")', CACHE),
        Break("kernels/compiled/key.py", 'version("numba"), llvmlite.__version__, ', "", CACHE),
        Break("kernels/compiled/code_file.py", "if checksum != _checksum(content):", "if False:", CACHE),
        Break("kernels/compiled/machine_code.py", "            continue\n", "            break\n", CACHE),
        Break("kernels/compiled/machine_code.py", "                builder.kill()", "                pass", CACHE),
    ],
    needs=("numba",),
)

# --- layers, optimizers, data, files ---

ROOMS["nn"] = Room(
    "tests/test_nn_module.py tests/test_nn_modules.py tests/test_nn_layers.py tests/test_nn_hooks.py "
    "tests/test_nn_init.py tests/test_nn_utils.py tests/test_nn_functional.py tests/test_nn_container.py",
    [
        Break("nn/module.py", "module.training = mode", "self.training = mode"),
        Break("nn/module.py", '(*module._own("parameter"), *module._own("buffer"))', 'module._own("parameter")'),
        Break("nn/module.py", "if not (remove_duplicate and value in seen):", "if True:"),
        Break("nn/parameter.py", "tensor.grad = tensor.grad.detach().to(dtype)", "pass"),
        Break("nn/hooks.py", "self._call_hooks((None,) * self.count)", "pass"),
        Break("nn/state.py", "and given.shape != own.shape:", "and False:"),
        Break("nn/normalization.py", "1 / (int(count) + 1)", "1 / (int(count) + 2)"),
        Break(
            "nn/normalization.py",
            "use_input_stats = self.training or mean is None or var is None",
            "use_input_stats = True",
        ),
        Break("nn/utils/__init__.py", "(float(total) + 1e-6), 1.0)", "(float(total) + 1e-6), 9.0)"),
        Break("nn/init.py", "sqrt(6 / sum(", "sqrt(3 / sum("),
        Break("nn/init.py", "shape[0] * prod(shape[2:])", "shape[0]"),
        Break("nn/init.py", "a=sqrt(5)", "a=0"),
        Break("nn/functional/noise.py", "1 - p if p < 1 else 1", "1"),
        Break("nn/functional/noise.py", "(*input.shape[:2], 1, 1)", "input.shape"),
        Break("nn/functional/lookup.py", "padding_idx % rows", "padding_idx"),
        Break("nn/conv.py", "for width in (n // 2, n - n // 2)]", "for width in (n - n // 2, n // 2)]"),
        Break(
            "nn/container.py",
            'type(self)(dict(list(self._own("module"))[index]))',
            "type(self)(*list(self)[index])",
        ),
    ],
)

ROOMS["optim"] = Room(
    "tests/test_optim_sgd.py tests/test_optim_per_parameter.py tests/test_optim_optimizer.py "
    "tests/test_optim_schedules.py tests/test_optim_one_cycle.py tests/test_optim_formulas.py",
    [
        Break("optim/sgd.py", "scaled(direction, 1 - damping)", "scaled(direction, 1 + damping)"),
        Break(
            "optim/sgd.py",
            "direction = scaled_sum(buffer, keep, direction) if nesterov else buffer",
            "direction = buffer",
        ),
        Break(
            "optim/adam.py", "np.maximum(largest, square, out=largest)", "np.minimum(largest, square, out=largest)"
        ),
        Break("optim/adam.py", "lr * correction / (1 - beta1**step)", "lr * correction"),
        Break("optim/nadam.py", "for t in (step, step + 1))", "for t in (step, step))"),
        Break("optim/nadam.py", "(1 - product * ahead)", "(1 - product)"),
        Break("optim/rmsprop.py", "square = square - scaled(mean, mean)", "square = square + scaled(mean, mean)"),
        Break("optim/rmsprop.py", "            moving *= momentum\n", ""),
        Break("optim/adagrad.py", "(step - 1)", "step"),
        Break("optim/adadelta.py", "average_square(steps, delta, 1 - rho)", "average_square(steps, delta, rho)"),
        Break("optim/muon.py", "0.2 * sqrt(max(rows, columns))", "0.2 * sqrt(min(rows, columns))"),
        Break(
            "optim/muon.py",
            "direction = scaled(direction, 1 - momentum)",
            "direction = scaled(direction, momentum)",
        ),
        Break("optim/per_parameter.py", "array *= 1 - lr * decay", "array *= 1 - decay"),
        Break("optim/per_parameter.py", "direction = -direction", "direction = +direction"),
        Break("optim/state.py", 'parameter.dtype if value.dtype.kind == "f" else None', "None"),
        Break(
            "optim/lr_scheduler/base.py",
            'group.setdefault("initial_lr", number_of(group["lr"]))',
            'group["initial_lr"] = number_of(group["lr"])',
        ),
        Break("optim/lr_scheduler/factor.py", "if before == 0:", "if False:"),
        Break("optim/lr_scheduler/factor.py", "low + (lr - low) * (now / before)", "lr * (now / before)"),
        Break("optim/lr_scheduler/plateau.py", "sign * self.best + self.threshold", "sign * self.best"),
        Break("optim/lr_scheduler/plateau.py", "(1 + sign * self.threshold)", "(1 + self.threshold)"),
        Break(
            "optim/lr_scheduler/plateau.py",
            "self.num_bad_epochs > self.patience",
            "self.num_bad_epochs >= self.patience",
        ),
        Break("optim/lr_scheduler/plateau.py", "if lr - new > self.eps", "if lr - new > 0"),
        Break("optim/lr_scheduler/plateau.py", "max(lr * self.factor, low)", "lr * self.factor"),
        Break(
            "optim/lr_scheduler/plateau.py",
            "self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0",
            "self.num_bad_epochs = 0",
        ),
        Break("optim/lr_scheduler/one_cycle.py", '(momentum, *group["betas"][1:])', "(momentum, momentum)"),
        Break("optim/lr_scheduler/one_cycle.py", "self.total_steps - 2", "self.total_steps - 1"),
        Break("optim/lr_scheduler/sequential.py", "schedule._restart()", "schedule._go_to(0)"),
    ],
)

ROOMS["data"] = Room(
    "tests/test_data_dataset.py tests/test_data_loader.py tests/test_data_idx.py tests/test_data_mnist.py "
    "tests/test_data_mnist_variants.py tests/test_data_transforms.py tests/test_data_drawing.py "
    "tests/test_data_download.py tests/test_data_synthetic.py",
    [
        Break("data/split.py", "sizes[i % len(sizes)] += 1", "sizes[0] += 1"),
        Break("data/sampler.py", "bool(rest and not drop_last)", "bool(rest)"),
        Break("data/arguments.py", "if any(name in vars(base) for name in plain):", "if False:"),
        Break("data/collate.py", "dtype=float64 if", "dtype=None if"),
        Break("data/loader.py", "range(start, batches_in", "range(0, batches_in"),
        Break("data/images.py", "dtype.type(255)", "dtype.type(256)"),
        Break("data/idx.py", "read_at_most(file, promised + 1)", "read_at_most(file, promised)"),
        Break("data/mnist.py", "if labels.max(initial=0) > 9:", "if labels.max(initial=0) > 10:"),
        Break("data/mnist_variants.py", "self.images.swapaxes(1, 2).copy()", "self.images.copy()"),
        Break("data/transforms/geometry.py", "array[..., ::-1]", "array[..., ::-1, :]"),
        Break("data/transforms/random_affine.py", "(q * cos - sin) / zoom", "(q * cos + sin) / zoom"),
        Break("data/transforms/elastic.py", "down *= 2 * self.alpha", "down *= self.alpha"),
        Break("kernels/resample.py", "np.fmin(part, length, out=part)", "np.fmin(part, length - 1, out=part)"),
        Break("data/transforms/basic.py", "self.left, self.top, self.right", "self.top, self.left, self.right"),
        Break("data/drawing.py", "np.arange(len(line)) + 0.5)", "np.arange(len(line)))"),
        Break("data/http.py", "if total is not None and len(content) != total:", "if False:"),
        Break("data/http.py", "if len(content) > limits.max_bytes:", "if False:"),
        Break("data/download.py", "        if found != sha256:", "        if False:"),
    ],
)

ROOMS["storage"] = Room(
    "tests/test_serialization.py tests/test_training_checkpoint.py tests/test_hostile_input.py "
    "tests/test_reliability.py -k not fresh and not killed",
    [
        Break("storage/atomic_files.py", "            os.fsync(file.fileno())\n", ""),
        Break("storage/atomic_files.py", "temporary.unlink(missing_ok=True)", "pass"),
        Break("storage/atomic_files.py", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB"),
        Break("storage/nested_state.py", 'if metadata["sha256"] != digest', "if not digest"),
        Break("storage/nested_state.py", "self.arrays.pop(name)", "self.arrays[name]"),
        Break("storage/parse.py", "if length > MAX_HEADER:", "if False:"),
        Break("storage/parse.py", "if name in result:", "if False:"),
        Break("storage/parse.py", "max(initial=0) > 1:", "max(initial=0) > 2:"),
        Break("storage/parse.py", "<< 16)", "<< 15)"),
    ],
)

# --- training, and what is seen of it ---

ROOMS["training"] = Room(
    "tests/test_training.py tests/test_training_metric.py tests/test_training_diagnosis.py "
    "tests/test_training_finder.py tests/test_training_checkpoint.py tests/test_training_behaviour.py "
    "tests/test_training_resume.py tests/test_training_states.py tests/test_training_program.py",
    [
        Break("training/trainer.py", "(epoch.validation or epoch.train).loss", "epoch.train.loss"),
        Break("training/trainer.py", "            self.optimizer.zero_grad()  # there is no step\n", ""),
        Break("training/gradients.py", "    optimizer.zero_grad()\n", ""),
        Break("training/gradients.py", "            before.restore()\n", ""),
        Break("training/gradients.py", "tensor._grad = gradient", "pass"),
        Break("training/gradients.py", "gradient.array[...] = numbers", "pass"),
        Break("training/gradients.py", 'kind if self.reason is None else ""', "kind"),
        Break("training/trainer.py", "clip_grad_norm_(self.model.parameters(), self.clip_gradient)", "pass"),
        Break("training/trainer.py", "        self.model.train()\n", ""),
        Break("training/early_stopping.py", "self.mark - self.min_delta:", "self.mark:"),
        Break("training/early_stopping.py", '"waited": self.waited', '"waited": 0'),
        Break("training/early_stopping.py", "deepcopy(trainer.model.state_dict())", "trainer.model.state_dict()"),
        Break("training/early_stopping.py", 'figure if self.mode == "min" else -figure', "figure"),
        Break("training/progress.py", "self.loss += mean_loss * samples", "self.loss += mean_loss"),
        Break("training/metric.py", "if array.ndim == 0 else", "if False else"),
        Break("training/finder.py", "losses.append(average / weight)", "losses.append(average)"),
        Break("training/finder.py", "            optimizer.load_state_dict(state)\n", ""),
        Break("training/finder.py", "            if not losses[-1] <= 4 * min(losses):", "            if False:"),
        Break("training/diagnosis.py", "np.abs(a).max() > LARGE", "False"),
    ],
)

ROOMS["experiment"] = Room(
    "tests/test_experiment_metrics.py tests/test_experiment_config.py tests/test_experiment_report.py",
    [
        Break("experiment/metrics.py", "_ratio(2 * right, guessed + support)", "_ratio(right, guessed + support)"),
        Break("experiment/metrics.py", 'side="left") - 1', 'side="right") - 1'),
        Break("experiment/metrics.py", "z2 / (4 * total**2)", "z2 / (4 * total)"),
        Break("experiment/metrics.py", "round(gap, 9) <= OVERFITTING_GAP", "gap <= OVERFITTING_GAP"),
        Break("experiment/metrics.py", "truth * classes + guessed", "guessed * classes + truth"),
        Break("experiment/metrics.py", "first.train.loss - last.train.loss", "last.train.loss - first.train.loss"),
    ],
)

ROOMS["inspection"] = Room(
    "tests/test_inspection.py tests/test_inspection_summary.py tests/test_notebook.py",
    [
        Break(
            "inspection/flops.py", "_size(call.result) * prod(np.shape(call.inputs[1])[1:])", "_size(call.result)"
        ),
        Break(
            "inspection/flops.py",
            "2 * multiply_adds(call) + (0 if bias is None else",
            "2 * multiply_adds(call) + (0 if True else",
        ),
        Break("inspection/differences.py", "norm or abs(numeric) or 1.0", "1e9"),
        Break("support/html.py", "<b>{escape(type(module).__name__)}</b>", "<b>{type(module).__name__}</b>"),
        Break("support/html.py", "{escape(module.extra_repr())}", "{module.extra_repr()}"),
    ],
)

ROOMS["models"] = Room(
    "tests/test_models.py tests/test_models_lenet5.py tests/test_lenet_step.py",
    [
        Break("models/lenet.py", "nn.Conv2d(6, 16, 5)", "nn.Conv2d(6, 16, 5, bias=False)"),
    ],
)

ROOMS["programs"] = Room(
    "tests/test_compile.py -k not every_operation",
    [
        Break("compiling/compiled.py", "*map(arrays.index, arrays)", "*()"),
        Break("compiling/compiled.py", "        return value.hex()", "        return float, value"),
        Break(
            "compiling/compiled.py", "            reason = difference(entry.program, program)", "            pass"
        ),
        Break(
            "compiling/compiled.py", "            return reach.modules_are_unchanged()", "            return True"
        ),
        Break("ops/loss.py", "@decision\n", ""),
        Break("compiling/compiled.py", "entry.program is None or entry.program.allows(values)", "True"),
        Break("compiling/program.py", "tensor._requires_grad is not requires_grad", "False"),
        Break("compiling/recorded.py", "return bool(kept) and not any", "return not any"),
        Break("compiling/program.py", "        if capture.is_state(value):\n            return value\n", ""),
        Break("compiling/reach.py", "if namespace.get(name, self) is not value:", "if False:"),
        Break("compiling/reach.py", "        if module._hooks is not None:", "        if False:"),
        Break("compiling/reach.py", "        if optimizer._hooks is not None:", "        if False:"),
        Break("compiling/traced.py", "        if func not in _FOLLOWED | _LIKE:", "        if False:"),
        Break("tape/capture.py", "        if not self.is_state(leaf):", "        if False:"),
        Break("tape/capture.py", "        if self._before != self._now():", "        if False:"),
        Break("tape/capture.py", "            if id(array_of(value)) in self._state:", "            if False:"),
        Break("tape/capture.py", "    accumulate(leaf, gradients, leaf)\n", "    leaf._grad = None\n"),
        Break("optim/lr_scheduler/base.py", "    @effect\n", ""),
        Break("nn/module.py", "    @effect\n", ""),
        Break("nn/functional/noise.py", "@effect\ndef _kept", "def _kept"),
    ],
)
