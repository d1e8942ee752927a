"""SIMD register tiles of float32, for Numba: sums that stay in the processor's vector registers.

A tile is a table of vectors, ``rows`` by ``columns`` of ``lanes`` numbers. Plain loops in Numba keep no sums in
registers, and reach a tenth of what the processor can do, or less. Each operation below writes LLVM's vector
(SIMD) instructions for one step of a kernel. The size of a tile is part of its Numba type, so a loop that is
written once is compiled for every size that it is called with. Of a narrow vector, which is one register, only
the first ``count`` lanes are loaded and stored, by a mask; of a wide one, all are.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from tinygrad_cnn.kernels.compiled.vectors import NARROW

_FLOAT, _INT, _WORD = ir.FloatType(), ir.IntType(32), ir.IntType(64)


class Tile(types.Type):
    """Numba's type of a tile."""

    def __init__(self, rows: int, columns: int, lanes: int) -> None:
        super().__init__(name=f"Tile({rows}, {columns}, {lanes})")
        self.rows, self.columns, self.lanes = rows, columns, lanes
        self.vector = ir.VectorType(_FLOAT, lanes)


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, manager: Any, tile: Tile) -> None:
        super().__init__(manager, tile, ir.ArrayType(tile.vector, tile.rows * tile.columns))


class _Code:
    """The LLVM builder of an operation, with the instructions that several operations share."""

    def __init__(self, context: Any, builder: Any, tile: Tile) -> None:
        self.context, self.builder, self.lanes, self.vector = context, builder, tile.lanes, tile.vector

    def pointer(self, numbers: Any, at: Any) -> Any:
        return self.builder.gep(numbers, [at])

    def broadcast(self, number: Any) -> Any:
        none = ir.Constant(ir.VectorType(number.type, self.lanes), ir.Undefined)
        first = self.builder.insert_element(none, number, ir.Constant(_INT, 0))
        return self.builder.shuffle_vector(first, none, ir.Constant(ir.VectorType(_INT, self.lanes), None))

    def call(self, name: str, result: Any, *arguments: Any, **options: Any) -> Any:
        kind = ir.FunctionType(result, [a.type for a in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments, **options)

    def mask(self, count: Any) -> Any:
        """Return the mask of a narrow vector's first ``count`` lanes; None for a wide one, which has no mask."""
        if self.lanes > NARROW:
            return None
        kind = ir.VectorType(_INT, self.lanes)
        number = self.builder.trunc(count, _INT)
        first = self.builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(_INT, 0))
        limit = self.builder.shuffle_vector(first, first, ir.Constant(kind, None))
        return self.builder.icmp_signed("<", ir.Constant(kind, list(range(self.lanes))), limit)

    def load(self, pointer: Any, mask: Any) -> Any:
        place = self.builder.bitcast(pointer, self.vector.as_pointer())
        if mask is None:
            return self.builder.load(place, align=1)
        zeros = ir.Constant(self.vector, None)
        name = f"llvm.masked.load.v{self.lanes}f32.p0"
        return self.call(name, self.vector, place, ir.Constant(_INT, 1), mask, zeros)

    def store(self, value: Any, pointer: Any, mask: Any) -> None:
        place = self.builder.bitcast(pointer, self.vector.as_pointer())
        if mask is None:
            self.builder.store(value, place, align=1)
        else:
            name = f"llvm.masked.store.v{self.lanes}f32.p0"
            self.call(name, ir.VoidType(), value, place, ir.Constant(_INT, 1), mask)

    def multiply_add(self, a: Any, b: Any, total: Any) -> Any:
        return self.call(f"llvm.fmuladd.v{self.lanes}f32", self.vector, a, b, total)


@intrinsic(prefer_literal=True)
def zeros(typing: Any, rows: Any, columns: Any, lanes: Any) -> Any:
    """Return a tile of zeros."""
    tile = Tile(rows.literal_value, columns.literal_value, lanes.literal_value)

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(tile), None)

    return tile(rows, columns, lanes), write


@intrinsic
def broadcast_rows(typing: Any, tile: Any, values: Any, at: Any) -> Any:
    """Return a tile of one column in which each row repeats (broadcasts) one number, values[at + row]."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, tile)
        result = arguments[0]
        first = code.pointer(*arguments[1:3])
        for row in range(tile.rows):
            number = builder.load(builder.gep(first, [ir.Constant(_INT, row)]), align=1)
            result = builder.insert_value(result, code.broadcast(number), row)
        return result

    return tile(tile, values, types.intp), write


@intrinsic
def add_outer_product(typing: Any, tile: Any, a: Any, at: Any, step: Any, b: Any, start: Any, count: Any) -> Any:
    """Return a tile of one column plus an outer product: a[at + row * step] * b[start:] is added to each row."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, tile)
        result, pointer = arguments[0], code.pointer(*arguments[1:3])
        vector = code.load(code.pointer(*arguments[4:6]), code.mask(arguments[6]))
        for row in range(tile.rows):
            number = code.broadcast(builder.load(pointer, align=1))
            pointer = builder.gep(pointer, [arguments[3]])
            total = code.multiply_add(number, vector, builder.extract_value(result, row))
            result = builder.insert_value(result, total, row)
        return result

    n = types.intp
    return tile(tile, a, n, n, b, n, n), write


@intrinsic
def store(typing: Any, tile: Any, out: Any, at: Any, step: Any, count: Any) -> Any:
    """Write the rows of a tile of one column to out[at:], out[at + step:], ..."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, tile)
        pointer = code.pointer(*arguments[1:3])
        mask = code.mask(arguments[4])
        for row in range(tile.rows):
            code.store(builder.extract_value(arguments[0], row), pointer, mask)
            pointer = builder.gep(pointer, [arguments[3]])
        return context.get_dummy_value()

    return types.void(tile, out, types.intp, types.intp, types.intp), write


@intrinsic
def add_rows(typing: Any, tile: Any, x: Any, at: Any, step: Any, count: Any) -> Any:
    """Return a tile of one column plus the rows x[at:], x[at + step:], ..., where `store` would write it."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, tile)
        result, pointer, mask = arguments[0], code.pointer(*arguments[1:3]), code.mask(arguments[4])
        for row in range(tile.rows):
            total = builder.fadd(builder.extract_value(result, row), code.load(pointer, mask))
            result = builder.insert_value(result, total, row)
            pointer = builder.gep(pointer, [arguments[3]])
        return result

    return tile(tile, x, types.intp, types.intp, types.intp), write


@intrinsic
def add_products(
    typing: Any, tile: Any, g: Any, at: Any, step: Any, x: Any, start: Any, stride: Any, count: Any
) -> Any:
    """Return a tile with g[at + row * step:] * x[start + column * stride:] added."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, tile)
        result, _, _, step, _, _, stride, count = arguments
        mask = code.mask(count)

        def vectors(pointer: Any, step: Any, number: int) -> list[Any]:
            loaded = []
            for _ in range(number):
                loaded.append(code.load(pointer, mask))
                pointer = builder.gep(pointer, [step])
            return loaded

        across = vectors(code.pointer(*arguments[4:6]), stride, tile.columns)
        down = vectors(code.pointer(*arguments[1:3]), step, tile.rows)
        pairs = [(a, b) for a in down for b in across]
        for place, (a, b) in enumerate(pairs):
            total = code.multiply_add(a, b, builder.extract_value(result, place))
            result = builder.insert_value(result, total, place)
        return result

    n = types.intp
    return tile(tile, g, n, n, x, n, n, n), write


@intrinsic
def add_sums(typing: Any, tile: Any, out: Any, at: Any, step: Any) -> Any:
    """Add the sum over the lanes of each vector to out[at + row * step + column]."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, tile)
        pointer = code.pointer(*arguments[1:3])
        for place in range(tile.rows * tile.columns):
            row, column = divmod(place, tile.columns)
            if row and not column:
                pointer = builder.gep(pointer, [arguments[3]])
            target = builder.gep(pointer, [ir.Constant(_INT, column)])
            total = code.call(
                f"llvm.vector.reduce.fadd.v{tile.lanes}f32",
                _FLOAT,
                ir.Constant(_FLOAT, 0.0),
                builder.extract_value(arguments[0], place),
                fastmath=("reassoc",),
            )
            builder.store(builder.fadd(builder.load(target), total), target)
        return context.get_dummy_value()

    return types.void(tile, out, types.intp, types.intp), write


@intrinsic
def load(typing: Any, tile: Any, x: Any, at: Any, count: Any) -> Any:
    """Return a tile of one vector, like the given one, from x[at:]."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, tile)
        vector = code.load(code.pointer(*arguments[1:3]), code.mask(arguments[3]))
        return builder.insert_value(arguments[0], vector, 0)

    return tile(tile, x, types.intp, types.intp), write


@intrinsic
def gather(typing: Any, tile: Any, x: Any, at: Any, step: Any, count: Any) -> Any:
    """Return a tile of one narrow vector, like the given one, from x[at], x[at + step], ..."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code = _Code(context, builder, tile)
        first, step = builder.ptrtoint(code.pointer(*arguments[1:3]), _WORD), builder.mul(arguments[3], _WORD(4))
        lanes = ir.Constant(ir.VectorType(_WORD, tile.lanes), list(range(tile.lanes)))
        distances = builder.mul(code.broadcast(step), lanes)
        places = builder.add(code.broadcast(first), distances)
        pointers = builder.inttoptr(places, ir.VectorType(ir.PointerType(_FLOAT), tile.lanes))
        name, none = f"llvm.masked.gather.v{tile.lanes}f32.v{tile.lanes}p0", ir.Constant(code.vector, None)
        numbers = code.call(name, code.vector, pointers, ir.Constant(_INT, 1), code.mask(arguments[4]), none)
        return builder.insert_value(arguments[0], numbers, 0)

    return tile(tile, x, types.intp, types.intp, types.intp), write


@intrinsic
def transposed(typing: Any, tile: Any, x: Any, at: Any, step: Any, rows: Any, count: Any) -> Any:
    """Return the transpose of the square tile of rows x[at:], x[at + step:], ...; past ``rows``, the last again."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code, last = _Code(context, builder, tile), builder.sub(arguments[4], arguments[4].type(1))
        pointer, mask = code.pointer(*arguments[1:3]), code.mask(arguments[5])
        lines = [code.load(pointer, mask)]
        for row in range(1, tile.rows):
            more = builder.icmp_signed("<=", last.type(row), last)
            pointer = builder.gep(pointer, [builder.select(more, arguments[3], last.type(0))])
            lines.append(code.load(pointer, mask))
        lanes, size = range(tile.lanes), 1
        while size < tile.lanes:  # swap the squares of that size that lie beside the diagonal
            low = [lane if not lane & size else tile.lanes + lane - size for lane in lanes]
            high = [lane + size if not lane & size else tile.lanes + lane for lane in lanes]
            pick = [ir.Constant(ir.VectorType(_INT, tile.lanes), places) for places in (low, high)]
            for i in (lane for lane in lanes if not lane & size):
                pair = lines[i], lines[i + size]
                lines[i], lines[i + size] = (builder.shuffle_vector(*pair, places) for places in pick)
            size *= 2
        result = arguments[0]
        for row, line in enumerate(lines):
            result = builder.insert_value(result, line, row)
        return result

    n = types.intp
    return tile(tile, x, n, n, n, n), write


@intrinsic
def maximum(typing: Any, a: Any, b: Any) -> Any:
    """Return the elementwise maximum of two tiles of one vector; NaN counts as the largest."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, y = (builder.extract_value(tile, 0) for tile in arguments)
        replaced = builder.or_(builder.fcmp_ordered(">", y, x), builder.fcmp_unordered("uno", y, y))
        return builder.insert_value(arguments[0], builder.select(replaced, y, x), 0)

    return a(a, b), write


@intrinsic
def where_equal(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """Return the numbers of ``yes`` where a and b are equal and those of ``no`` elsewhere: tiles of one vector."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, y, yes, no = (builder.extract_value(tile, 0) for tile in arguments)
        chosen = builder.select(builder.fcmp_ordered("==", x, y), yes, no)
        return builder.insert_value(arguments[0], chosen, 0)

    return a(a, b, yes, no), write


@intrinsic
def has_nan(typing: Any, tile: Any) -> Any:
    """Return whether a number of a tile of one vector is NaN."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = builder.extract_value(arguments[0], 0)
        lanes = builder.bitcast(builder.fcmp_unordered("uno", vector, vector), ir.IntType(tile.lanes))
        return builder.icmp_unsigned("!=", lanes, lanes.type(0))

    return types.boolean(tile), write
