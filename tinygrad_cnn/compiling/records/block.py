"""Writing records: where values lie while a block of samples goes through a section, forward and backward."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tinygrad_cnn.compiling.records.section import Section
from tinygrad_cnn.kernels.compiled.batch_innermost import copy_rows
from tinygrad_cnn.kernels.compiled.plans import RECORD, CopyPlan, StridedPlan
from tinygrad_cnn.kernels.compiled.program import add_parts, clear, copy_strided
from tinygrad_cnn.tape.capture import Ref
from tinygrad_cnn.typing import Array

BYTES = 4  # of a number
LINE = 16  # numbers of a cache line


class Place(NamedTuple):
    """Memory: the word of a program that holds an address, and a distance from there in numbers."""

    word: int
    offset: int = 0

    def __add__(self, offset: int) -> Place:  # type: ignore[override]
        return Place(self.word, self.offset + offset)


class Arena:
    """Memory that is handed out and given back while records are written, so that little is needed at a time."""

    def __init__(self) -> None:
        self.size = 0
        self._free: list[tuple[int, int]] = []  # begin and end, in order

    def take(self, size: int) -> int:
        """Return where so many numbers are free: the first gap that is large enough, or the end."""
        for i, (begin, end) in enumerate(self._free):
            if end - begin >= size:
                self._free[i : i + 1] = [(begin + size, end)] if end - begin > size else []
                return begin
        begin = self.size
        if self._free and self._free[-1][1] == self.size:
            begin = self._free.pop()[0]
        self.size = begin + size
        return begin

    def give(self, begin: int, size: int) -> None:
        """Take memory back."""
        merged: list[tuple[int, int]] = []
        for gap in sorted([*self._free, (begin, begin + size)]):
            if merged and merged[-1][1] == gap[0]:
                merged[-1] = (merged[-1][0], gap[1])
            else:
                merged.append(gap)
        self._free = merged


class Plans:
    """The plans of records, one after the other in memory, each once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], int] = {}
        self._words: list[int] = []

    def place(self, plan: Iterable[int]) -> int:
        """Return at which word a plan begins."""
        key = tuple(int(word) for word in plan)
        if key not in self._known:
            self._known[key] = len(self._words)
            self._words += key
        return self._known[key]

    def array(self) -> Array:
        """Return all plans."""
        return np.array([*self._words, 0], np.int64)


class Writer:
    """The records of a section for a number of threads, in parts: one for each thread, the first and the last."""

    def __init__(self, section: Section, threads: int) -> None:
        self.section, self.threads = section, threads
        self.plans = Plans()
        self.parts: list[list[list[int]]] = [[] for _ in range(threads + 2)]
        self.arenas = [Arena() for _ in range(threads + 1)]  # the last is shared by all
        word = threads + 3  # after the places of the parts
        self.plan_word, self.constant_word = word, word + 1
        self.arena_words = range(word + 2, word + 3 + threads)
        self.inputs = {ref: Place(word + 3 + threads + i) for i, ref in enumerate(section.inputs)}
        first = word + 3 + threads + len(self.inputs)
        self.outputs = {ref: Place(first + i) for i, ref in enumerate(section.outputs)}
        self.first_record = first + len(self.outputs)
        self._prepared: dict[Any, Place] = {}
        self._sums: dict[Ref, Place] = {}
        self.zeros_size = 1

    def one(self) -> Place:
        """Return memory that holds a 1."""
        return Place(self.constant_word)

    def zeros(self, size: int) -> Place:
        """Return memory that is 0."""
        self.zeros_size = max(self.zeros_size, size)
        return Place(self.constant_word, LINE)

    def record(
        self,
        part: int,
        function: int,
        plan: Any,
        a: Place | None = None,
        b: Place | None = None,
        c: Place | None = None,
        *,
        out: Place,
        last: int = 1,
    ) -> None:
        """Append a call of a band to a part."""
        words = [function, self.plan_word, self.plans.place(plan) * 8]
        for place in (a, b, c, out):
            words += [place.word, place.offset * BYTES] if place is not None else [out.word, out.offset * BYTES]
        self.parts[part].append([*words, 0, last, 0])

    def shared(self, size: int) -> Place:
        """Return memory that all threads see until the program has run."""
        return Place(self.arena_words[-1], self.arenas[-1].take(-(-size // LINE) * LINE))

    def prepared(self, source: Ref, plan: StridedPlan, count: int, offset: int) -> Place:
        """Return a copy of an input, of ``count`` tables, in other strides, made before the threads begin."""
        key, size = (source, plan, offset), prod(plan.sizes)
        if key not in self._prepared:
            place = self._prepared[key] = self.shared(count * size)
            for i in range(count):
                table = self.inputs[source] + (offset + i * size)
                self.record(self.threads, copy_strided, plan.words(), table, out=place + i * size)
        return self._prepared[key]

    def part_of_sum(self, ref: Ref, thread: int) -> Place:
        """Return where a thread adds up a sum: the parts of all threads are evenly spaced in memory.

        The first thread adds up in the output itself, if the sum lies there as in the loops.
        """
        total = self.section.sums[ref]
        if thread == 0 and total.strides is None and ref in self.outputs:
            return self.outputs[ref]
        if ref not in self._sums:
            self._sums[ref] = self.shared(self.threads * self.apart(ref))
        return self._sums[ref] + thread * self.apart(ref)

    def apart(self, ref: Ref) -> int:
        """Return how far apart the parts of a sum are."""
        return -(-prod(self.section.sums[ref].sizes) // LINE) * LINE

    def write(self, size: int) -> None:
        """Write the records of all blocks, of at most ``size`` samples, and of what is added up after them."""
        batch, threads = self.section.batch, self.threads
        sums: dict[Ref, list[Place]] = {ref: [] for ref in self.section.sums}
        for thread in range(threads):
            begin, end = batch * thread // threads, batch * (thread + 1) // threads
            for first in range(begin, end, size):
                Block(self, thread, first, min(size, end - first), sums).write()
        for ref, parts in sums.items():
            if ref in self.outputs:
                self._finish(ref, parts)

    def _finish(self, ref: Ref, parts: list[Place]) -> None:
        """Add up what the threads have summed."""
        out, total, end = self.outputs[ref], self.section.sums[ref], self.threads + 1
        strides = c_strides(total.sizes)
        if parts[0] == out:
            parts = parts[1:]
        else:
            self.record(end, clear, (0,), out=out, last=prod(total.sizes))
        if parts:
            plan = StridedPlan(total.sizes, total.strides or strides, strides, len(parts), self.apart(ref))
            self.record(end, add_parts, plan.words(), parts[0], out=out)

    def words(self) -> Array:
        """Return the program: where parts begin, room for addresses, and the records."""
        starts = [self.first_record]
        for part in self.parts:
            starts.append(starts[-1] + RECORD * len(part))
        words = np.zeros(starts[-1], np.int64)
        words[: len(starts)] = starts
        records = [word for part in self.parts for record in part for word in record]
        words[self.first_record :] = records
        return words


class Block:
    """Some samples of a thread on their way through a section."""

    def __init__(self, writer: Writer, thread: int, first: int, samples: int, sums: dict[Ref, list[Place]]) -> None:
        self.writer, self.section = writer, writer.section
        self.thread, self.first, self.samples = thread, first, samples
        self._sums = sums
        self._arena = writer.arenas[thread]
        self._places: dict[Ref, tuple[Place, int]] = {}
        self._temporary: list[tuple[Place, int]] = []

    def write(self) -> None:
        """Write the records of all calls."""
        for i, (call, emit) in enumerate(self.section.calls):
            emit(self)
            for out in call.outputs:
                if out in self.writer.outputs and out in self.section.sampled:
                    self._copy_out(out)
            for ref in [ref for ref in self._places if self.section.last_use[ref] == i]:
                self._give(*self._places.pop(ref))
            while self._temporary:
                self._give(*self._temporary.pop())

    def record(self, function: int, plan: Any, *arrays: Place, out: Place, last: int) -> None:
        """Append a call of a band."""
        self.writer.record(self.thread, function, plan, *arrays, out=out, last=last)

    # --- memory ---

    def _take(self, size: int) -> tuple[Place, int]:
        size = -(-size // LINE) * LINE
        return Place(self.writer.arena_words[self.thread], self._arena.take(size)), size

    def _give(self, place: Place, size: int) -> None:
        self._arena.give(place.offset, size)

    def temporary(self, size: int) -> Place:
        """Return memory for the call that is being written."""
        self._temporary.append(self._take(size))
        return self._temporary[-1][0]

    def new(self, ref: Ref) -> Place:
        """Return memory for a call's result for these samples."""
        self._places[ref] = self._take(self.size(ref))
        return self._places[ref][0]

    def size(self, ref: Ref) -> int:
        """Return how many numbers a value has for these samples."""
        return self.section.size(ref) * self.samples

    def shape(self, ref: Ref) -> tuple[int, ...]:
        """Return the shape of a value for these samples."""
        return self.samples, *self.section.shape(ref)[1:]

    def place(self, ref: Ref) -> Place:
        """Return where a value lies for these samples; one from outside is copied there when it is first read."""
        if ref not in self._places:
            place = self.new(ref)
            self._copy_in(ref, place)
        return self._places[ref][0]

    def shared(self, ref: Ref) -> Place:
        """Return where an input of the program is."""
        return self.writer.inputs[ref]

    def words(self, ref: Ref) -> Place:
        """Return where an input of the program has its words for these samples."""
        return self.writer.inputs[ref] + self.first * (8 // BYTES)

    def prepared(self, source: Ref, plan: StridedPlan, count: int, offset: int = 0) -> Place:
        """Return a copy of an input, of ``count`` tables, in other strides."""
        return self.writer.prepared(source, plan, count, offset)

    def zeros(self, size: int) -> Place:
        """Return memory that is 0."""
        return self.writer.zeros(size)

    def one(self) -> Place:
        """Return memory that holds a 1."""
        return self.writer.one()

    def sum(self, ref: Ref) -> tuple[Place, bool]:
        """Return where this thread adds up a sum over samples, and whether these are the first."""
        parts, total = self._sums[ref], self.section.sums[ref]
        is_first = len(parts) == self.thread
        if is_first:
            size = prod(total.sizes)
            parts.append(self.writer.part_of_sum(ref, self.thread))
            if total.needs_zeros:
                self.record(clear, (0,), out=parts[-1], last=size)
        return parts[-1], is_first

    # --- in and out ---

    def _copy_in(self, ref: Ref, place: Place) -> None:
        """Copy samples of an input to memory of their own, where they lie innermost."""
        shape, numbers = self.shape(ref), self.section.size(ref)
        n, channels, height, width = shape if len(shape) == 4 else (shape[0], 1, 1, shape[1])
        steps = (width, height * width, 1, numbers)  # to the next row, channel, column and sample
        if self.section.is_batch_innermost(ref):
            batch = self.section.batch
            steps = (channels * width * batch, width * batch, batch, 1)
        plan = CopyPlan(channels, width, n, *steps, 0, width)
        self.record(copy_rows, plan, self.writer.inputs[ref] + self.first * steps[3], out=place, last=height)

    def _copy_out(self, ref: Ref) -> None:
        """Copy samples to an output, which lies with the whole batch innermost."""
        sizes = memory_sizes(self.shape(ref))
        whole = c_strides((*sizes[:3], self.section.batch))
        plan = StridedPlan(sizes, c_strides(sizes), whole)
        self.record(copy_strided, plan.words(), self.place(ref), out=self.writer.outputs[ref] + self.first, last=1)


def c_strides(sizes: tuple[int, ...]) -> Any:
    """Return the strides of a table in C order, in elements."""
    return tuple(prod(sizes[i + 1 :]) for i in range(len(sizes)))


def memory_sizes(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return the shape (H, C, W, N) in which samples (N, C, H, W) or (N, C) lie in memory."""
    n, c, height, width = shape if len(shape) == 4 else (*shape, 1, 1)
    return height, c, width, n
