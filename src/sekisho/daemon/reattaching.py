"""Follows the gate's interfaces: says what becomes of them, and attaches the gate where one is back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

import structlog

from sekisho.api.problems import RefusalError
from sekisho.daemon.attached import attach_missing
from sekisho.daemon.keeper import Keeper
from sekisho.gate import GateError
from sekisho.gate.interfaces import LinkState, LinkWatch
from sekisho.gate.kernel import GateSpec

LOOK_SECONDS = 30.0  # between looks at where the gate is attached

log = structlog.get_logger()


@contextlib.contextmanager
def links_watched(interfaces: Iterable[str]) -> Iterator[asyncio.Event]:
    """Log what becomes of interfaces, in the loop that runs; yield what is set each time one has changed."""
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    with contextlib.closing(LinkWatch(interfaces)) as watch:
        changed.set()  # something may have happened before the watch began
        loop.add_reader(watch.fileno(), _see, watch, changed)
        try:
            yield changed
        finally:
            loop.remove_reader(watch.fileno())


async def keep_attached(keeper: Keeper, spec: GateSpec, changed: asyncio.Event) -> None:
    """Attach the gate again to an interface that was removed and made again."""
    while True:
        with contextlib.suppress(TimeoutError):  # a look now and then, should the kernel lose a message
            await asyncio.wait_for(changed.wait(), LOOK_SECONDS)
        changed.clear()
        try:
            again = await asyncio.to_thread(keeper.reattach, lambda: attach_missing(spec))
        except RefusalError:
            continue  # `gate down` has ended the keeper and ends us next
        except GateError as error:
            log.error("not attached again, what comes by it meets no limit", why=str(error))  # noqa: TRY400 - the message says it all
            continue
        for name in again:
            log.warning("attached again", interface=name)


def _see(watch: LinkWatch, changed: asyncio.Event) -> None:
    """Tell what has changed, and let it be looked at; most of what comes is about other interfaces."""
    changes = list(watch.changes())
    for name, state in changes:
        if state is LinkState.GONE:
            log.error("interface gone; the gate is attached to it again when it comes back", interface=name)
        else:
            log.warning(f"interface {state}", interface=name)
    if changes:
        changed.set()
