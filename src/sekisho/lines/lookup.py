"""Under which addresses a holder is looked up, and what the answers come to together.

An address may be held as itself, as part of a prefix, or with others by ports. The most specific lease
counts, as in the gate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sekisho.lines.holder import Answer, Candidate, Certainty
from sekisho.lines.shared import port_set
from sekisho.model import Address, PortPlan


def look_under(
    network: bytes,
    plan: PortPlan | None,
    port: int | None,
    shapes: Iterable[tuple[int, int]],
    *,
    is_known: bool = True,
) -> tuple[Address, ...] | None:
    """Return the addresses under which leases may name the holder of `network`, the most specific first.

    `network`: the packed address. `plan`: how lines share it, if they do; `is_known`: it was known then, else
    it is of later, and one line may have had the whole address. `shapes`: the (bytes, length) that leases
    have. None where lines share it and no port is given.
    """
    if plan is None:
        return _whole(network, shapes)
    if port is None:
        return None
    number = port_set(plan, port)
    shares = () if number is None else (Address(network, len(network) * 8, number),)
    return shares if is_known else (*shares, *_whole(network, shapes))


def _whole(network: bytes, shapes: Iterable[tuple[int, int]]) -> tuple[Address, ...]:
    size = len(network)
    lengths = sorted({length for of, length in shapes if of == size}, reverse=True)
    return tuple(Address(_masked(network, length), length) for length in lengths)


def most_specific(answers: Iterable[Answer]) -> Answer:
    """Join the answers for all that surrounds an address, the most specific first.

    A doubtful answer is no end: while it is open whether its line held the address, the next may have.
    """
    doubtful: list[Candidate] = []
    for answer in answers:
        doubtful += answer.candidates
        if answer.certainty is Certainty.HELD:
            lines = {candidate.line for candidate in doubtful}
            return answer if len(lines) == 1 else Answer(Certainty.AMBIGUOUS, tuple(doubtful))
    return Answer(Certainty.AMBIGUOUS, tuple(doubtful)) if doubtful else Answer(Certainty.NOBODY)


def whichever(answers: Sequence[Answer]) -> Answer:
    """Join answers of which it is open which one is right, as where a port plan has just changed."""
    if _agree(answers):
        return answers[0]
    return Answer(
        Certainty.AMBIGUOUS, tuple(dict.fromkeys(one for each in answers for one in each.candidates))
    )


def _agree(answers: Collection[Answer]) -> bool:
    """Tell whether they come to the same: nobody, or one line that held it by all of them."""
    held = all(answer.certainty is Certainty.HELD for answer in answers)
    lines = {candidate.line for answer in answers for candidate in answer.candidates}
    return not lines or (held and len(lines) == 1) or len(set(answers)) == 1


def _masked(network: bytes, length: int) -> bytes:
    spare = len(network) * 8 - length
    return (int.from_bytes(network, "big") >> spare << spare).to_bytes(len(network), "big")
