"""Walks over the model: the blocks inside a step, the targets inside a plan."""

from __future__ import annotations

from collections.abc import Iterator

from ivrc.model import (
    Block,
    Branch,
    Drawn,
    Hangup,
    InOrder,
    Move,
    RingPlan,
    Step,
    Target,
    Together,
    When,
)


def dial_together(plan: RingPlan) -> tuple[Target, ...]:
    """Every target that a plan may ring, in the order written."""
    match plan:
        case Together(targets):
            return targets
        case InOrder(turns):
            return tuple(target for turn in turns for target in dial_together(turn))
        case Drawn(weighted):
            return tuple(target for _, turn in weighted for target in dial_together(turn))


def child_blocks(step: Step) -> tuple[Block, ...]:
    """The blocks inside a step, in the order written."""
    match step:
        case Branch(cases=cases, nothing=nothing, wrong=wrong):
            blocks = [case.body for case in cases]
            return (*blocks, *(block for block in (nothing, wrong) if block is not None))
        case When(then=then, otherwise=otherwise):
            return (then,) if otherwise is None else (then, otherwise)
        case _:
            return ()


def can_pass(step: Step) -> bool:
    """Whether a call can go on to what stands behind a step: some way through it neither ends nor moves the call."""
    match step:
        case Hangup() | Move():
            return False
        case When(otherwise=None) | Branch(nothing=None) | Branch(wrong=None):
            return True
        case When() | Branch():
            return any(all(map(can_pass, block.steps)) for block in child_blocks(step))
        case _:
            return True


def steps_of(block: Block) -> Iterator[Step]:
    """Every step of a block, however deep, in the order written."""
    for step in block.steps:
        yield step
        for inner in child_blocks(step):
            yield from steps_of(inner)


def contains(block: Block, kind: type) -> bool:
    """Whether a block has a step of this kind, however deep."""
    return any(isinstance(step, kind) for step in steps_of(block))
