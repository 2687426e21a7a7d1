"""The office of a running daemon: what follows a configuration follows the one in force."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from sekisho.api.models import ReloadAnswer
from sekisho.config import Config
from sekisho.daemon.office import RunningOffice
from tests.unit.keeping import NOW, TEXT, Scene
from tests.unit.test_keeper import PEER
from tests.unit.test_keeper_roster import TellingLock

OLDER, NEWER = (TEXT.replace("cap = 20", f"cap = {cap}") for cap in (21, 22))


def test_of_two_reloads_at_once_the_last_is_followed_last() -> None:
    scene = Scene()
    followed: list[int] = []
    others: list[Future[ReloadAnswer]] = []
    lock = TellingLock()

    def follow(config: Config) -> None:
        if not others:  # the file changes, and somebody else asks while the older one is passed on
            scene.text = NEWER
            lock.wanted.clear()
            others.append(threads.submit(office.reload, PEER))
            assert lock.wanted.wait(timeout=30)
        followed.append(config.classes["fixed"].cap)
        lock.wanted.set()

    office = RunningOffice(scene.keeper, started_at=NOW, on_reload=follow, on_down=threading.Event)
    office._reloading = lock  # type: ignore[assignment]
    scene.text = OLDER
    with ThreadPoolExecutor() as threads:
        office.reload(None)
        assert others[0].result(timeout=30).changed
    assert followed == [21, 22]
    assert scene.keeper.kept.config.classes["fixed"].cap == 22
