"""Where what a command shows of counts is recorded, and by whom."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from sekisho.api.asker import Peer
from sekisho.config import Config
from sekisho.daemon.actors import actor_name
from sekisho.daemon.state import store_url
from sekisho.reporting.recorded import Recording


def recording_here(config: Config) -> Recording:
    """Return the recording of whoever runs this command, now, in the store of a configuration's daemon."""
    return Recording(store_url(config), datetime.now(UTC), actor_name(Peer(os.getuid(), os.getpid())))
