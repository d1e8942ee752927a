"""Finding the sections of a program: which of its calls become records, and in which order all calls then are."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_cnn.compiling.records.lowering import LOWERINGS
from tinygrad_cnn.compiling.records.runner import Runner, is_small_enough
from tinygrad_cnn.compiling.records.section import Section, reads
from tinygrad_cnn.compiling.records_check import Kind
from tinygrad_cnn.tape.capture import Instruction, Ref

FEWEST_CALLS = 3
"""Of a section: fewer calls are not worth the copies into its memory."""


def with_sections(
    kinds: Sequence[Kind], calls: Sequence[Instruction], results: set[Ref], states: set[Ref]
) -> list[Instruction]:
    """Return calls in which some are replaced by one that runs their records. Effects keep their order."""
    done: list[Instruction] = []
    run: list[Instruction] = []
    dropping: list[Instruction] = []  # effects that pure calls may be moved across
    for i, call in enumerate(calls):
        if call.is_pure:
            run.append(call)
        elif _drops_gradients(call):
            dropping.append(call)
        else:
            done += [*_divided(kinds, run, reads(calls[i:]) | results, states), *dropping, call]
            run, dropping = [], []
    return [*done, *_divided(kinds, run, results, states), *dropping]


def _drops_gradients(call: Instruction) -> bool:
    """Return whether an effect is a zero_grad that sets gradients to None, so that it writes to no memory."""
    if call.name not in ("Optimizer.zero_grad", "Module.zero_grad"):
        return False
    return (*call.inputs[1:], call.constants.get("set_to_none", True))[0] is True


def _divided(
    kinds: Sequence[Kind], calls: list[Instruction], wanted: set[Ref], states: set[Ref]
) -> list[Instruction]:
    """Return pure calls in an order in which those of a section are next to each other and are replaced."""
    before, section, after = _gathered(kinds, calls, wanted, set())
    if not section.calls:
        return calls
    rest = _divided(kinds, after, wanted, states)
    if not _pays(section):
        return [*before, *(call for call, _ in section.calls), *rest]
    return [*before, _instruction(section, states), *rest]


def _gathered(
    kinds: Sequence[Kind], calls: list[Instruction], wanted: set[Ref], views: set[Ref]
) -> tuple[list[Instruction], Section, list[Instruction]]:
    """Return the calls before a section, the section, and those after it.

    A call that makes one of the ``views`` stays outside: what is read outside has to share its input's memory.
    """
    before: list[Instruction] = []
    after: list[Instruction] = []
    section = Section(kinds)
    late: set[Ref] = set()  # values that are computed after the section
    for call in calls:
        needs = reads([call])
        lowering = LOWERINGS.get((call.kind, call.name))
        may_join = len(call.outputs) == 1 and views.isdisjoint(call.outputs)
        if may_join and lowering is not None and not needs & late and lowering(section, call):
            continue
        if needs.isdisjoint(late | section.sampled | section.sums.keys()):
            before.append(call)
        else:
            after.append(call)
            late.update(call.outputs)
    section.close(wanted | reads(after))
    found = {out for call, _ in section.calls if call.name.startswith("reshape") for out in call.outputs}
    if new := found.intersection(section.outputs):
        return _gathered(kinds, calls, wanted, views | new)
    return before, section, after


def _pays(section: Section) -> bool:
    count = len(section.calls)
    return count >= FEWEST_CALLS and count > section.crossings and is_small_enough(section.batch)


def _instruction(section: Section, states: set[Ref]) -> Instruction:
    """Return the call that runs a section's records."""
    name = f"records of {len(section.calls)} calls"
    runner = Runner(section, states)
    return Instruction("records", name, runner, tuple(section.inputs), {}, tuple(section.outputs), True)
