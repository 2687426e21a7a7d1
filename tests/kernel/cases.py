"""What a hostile or unlucky line may try, and what is right: the cases of the gate by number.

They are in test_cases_*.py by theme; here is what they share. Each runs on the real kernel program and on
the reference model at once (`twin.py`); both must answer alike, and at the end their slots, counts and
counters are compared. 31 to 34 and 38 need the daemon or the attached program too: their other half is in
tests/system/test_cases_*.py.
"""

from __future__ import annotations

from sekisho.gate import abi
from tests.kernel.frames import SYN, segment
from tests.kernel.twin import Answer, Twin

LINE, SERVER = "100.64.0.1", "198.51.100.25"
LINE6, SERVER6 = "2001:db8:4000::1", "2001:db8:f::25"
DYNAMIC = ("dynamic", 0)


def held(answer: Answer) -> bool:
    return answer.action == abi.PASS and answer.mark & 0xF0000000 == abi.HOLD_MARK


def count(gate: Twin, name: str, who: tuple[str, int] = DYNAMIC) -> int:
    return gate.kernel_counters()[(*who, name)]


def sessions(gate: Twin, line: int = abi.LINE_IPV4 | 0x64400001) -> int:
    return gate.kernel_sessions().get(line, 0)


def syn_frame(
    line: str = LINE, port: int = 40_000, server: str = SERVER, seq: int = 1, **fields: object
) -> bytes:
    return segment(line, server, (port, 25), SYN, seq=seq, **fields)
