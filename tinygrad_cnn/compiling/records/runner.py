"""Running a section: addresses are put into its program, which then runs without Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_cnn.compiling.records.block import LINE, Writer
from tinygrad_cnn.compiling.records.section import Section
from tinygrad_cnn.compiling.records_check import samples_innermost
from tinygrad_cnn.kernels.batch_innermost import from_batch_innermost
from tinygrad_cnn.kernels.compiled.program import run_parts
from tinygrad_cnn.kernels.compiled.thread_pool import run_program
from tinygrad_cnn.kernels.memory import empty, is_exclusive
from tinygrad_cnn.kernels.threads import get_num_threads
from tinygrad_cnn.kernels.thresholds import (
    COMPILED_BLOCK_TERMS,
    COMPILED_GRAIN_SIZE,
    PROGRAM_BLOCK,
    SAMPLES_PER_THREAD,
    SUMMED_PLAINLY_UP_TO,
)
from tinygrad_cnn.tape.capture import Ref
from tinygrad_cnn.typing import Array

FLOAT32 = np.dtype(np.float32)


class Runner:
    """A section as a function of the arrays of its inputs, which returns those of its outputs."""

    def __init__(self, section: Section, states: set[Ref]) -> None:
        self.section = section
        self._states = [ref in states for ref in section.inputs]  # whose arrays are the same in most runs
        self._inputs = section.inputs
        self._types = [section.kinds[ref.number].dtype for ref in self._inputs]
        self._innermost = [section.is_batch_innermost(ref) for ref in self._inputs]
        self._programs: dict[int, _Program] = {}  # by the number of threads

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """Run the section."""
        threads = get_num_threads()
        program = self._programs.get(threads)
        if program is None:
            program = self._programs.setdefault(threads, _Program(self.section, threads))
        arrays = tuple(
            [samples_innermost(a) if turned else a for a, turned in zip(arrays, self._innermost, strict=True)]
        )
        return program.run(arrays, self._types, self._states)


class _Program:
    """The records of a section for a number of threads, with the memory that runs of them need."""

    def __init__(self, section: Section, most: int) -> None:
        per_thread = section.cost * section.batch / COMPILED_GRAIN_SIZE
        self.threads = max(1, min(most, section.batch // SAMPLES_PER_THREAD, int(per_thread)))
        self._writer = writer = Writer(section, self.threads)
        writer.write(block_size(section.batch, self.threads))
        self._words = writer.words()
        self._plans = writer.plans.array()
        self._constants = np.zeros(LINE + writer.zeros_size, FLOAT32)
        self._constants[0] = 1
        self._idle: list[_Instance] = []  # popping and appending are atomic, so that threads may share a program

    def run(self, arrays: tuple[Array, ...], types: list[Any], states: list[bool]) -> tuple[Array, ...]:
        """Run the records on arrays, in an instance that no other thread uses."""
        try:
            instance = self._idle.pop()
        except IndexError:
            instance = _Instance(self._writer, self._words.copy(), self._plans, self._constants)
        outputs = instance.run(arrays, types, states)
        self._idle.append(instance)
        return outputs


class _Instance:
    """Memory for one run at a time: the program's words, what its blocks need, and the latest results."""

    def __init__(self, writer: Writer, words: Array, plans: Array, constants: Array) -> None:
        self.words, self.threads = words, writer.threads
        self._kept = plans, constants, [aligned(arena.size) for arena in writer.arenas]
        words[writer.plan_word], words[writer.constant_word] = address(plans), address(constants)
        for word, memory in zip(writer.arena_words, self._kept[2], strict=True):
            words[word] = address(memory)
        self._input_words = [place.word for place in writer.inputs.values()]
        self._inputs: list[Any] = [None] * len(self._input_words)
        section = writer.section
        self._outputs = [_Output(section, ref, place.word) for ref, place in writer.outputs.items()]

    def run(self, arrays: tuple[Array, ...], types: list[Any], states: list[bool]) -> tuple[Array, ...]:
        """Run the program once."""
        words, known = self.words, self._inputs
        held = []
        for i, array in enumerate(arrays):
            if array is not known[i]:
                plain = np.ascontiguousarray(array, types[i])
                held.append(plain)
                words[self._input_words[i]] = address(plain)
                known[i] = array if states[i] and plain is array else None
        results = tuple([output.fresh(words) for output in self._outputs])
        run_program(run_parts, words, self.threads)
        return results


class _Output:
    """An output of a program: memory that is handed out anew once nobody else refers to it."""

    def __init__(self, section: Section, ref: Any, word: int) -> None:
        self.word = word
        self.shape = section.shape(ref)
        self.is_sampled = ref in section.sampled
        self._cell: list[Array] = []

    def fresh(self, words: Array) -> Array:
        """Return memory for the result, whose address is written to the program."""
        if not self._cell or not is_exclusive(self._cell, 0):
            self._cell[:] = [self._new()]
            words[self.word] = address(self._cell[0])
        return self._cell[0]

    def _new(self) -> Array:
        shape = self.shape
        if not self.is_sampled:
            return empty(shape, FLOAT32)
        if len(shape) == 2:
            return empty(shape[::-1], FLOAT32).T
        return from_batch_innermost(empty((shape[2], shape[1], shape[3], shape[0]), FLOAT32))


def block_size(batch: int, threads: int) -> int:
    """Return how many samples go through a section at a time.

    Of more blocks than are added up plainly, each is made larger.
    """
    return max(PROGRAM_BLOCK, -(-batch // (threads * SUMMED_PLAINLY_UP_TO)))


def is_small_enough(batch: int) -> bool:
    """Return whether sums over a batch stay short, on a single thread, too."""
    return block_size(batch, 1) <= COMPILED_BLOCK_TERMS


def address(array: Array) -> int:
    """Return where an array begins."""
    return int(array.__array_interface__["data"][0])


def aligned(size: int) -> Array:
    """Return uninitialised memory for so many numbers that begins at a cache line."""
    memory = np.empty(size + LINE, FLOAT32)
    return memory[-address(memory) % (4 * LINE) // 4 :]
