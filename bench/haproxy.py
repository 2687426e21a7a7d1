"""HAProxy as a transparent proxy of port 25, with a cap on sessions for each line and a delay."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.system.netns import Namespace
from tests.system.waiting import until

DELAY_MS: Final = 10
PORT: Final = 2525

# To the proxy: sessions to port 25, and the servers' answers to its own sockets, bound to lines' addresses.
RULES: Final = f"""
table ip proxying {{
  chain prerouting {{
    type filter hook prerouting priority mangle;
    meta l4proto tcp socket transparent 1 meta mark set 1 accept
    tcp dport 25 tproxy to 127.0.0.1:{PORT} meta mark set 1 accept
  }}
}}
"""

CONFIG: Final = """
global
  maxconn 5000
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend smtp
  bind 127.0.0.1:{port} transparent
  stick-table type ip size 1m expire 1m store conn_cur
  tcp-request connection track-sc0 src
  tcp-request connection reject if {{ sc0_conn_cur gt {cap} }}
  tcp-request inspect-delay {delay_ms}ms
  tcp-request content accept if WAIT_END
  default_backend server
backend server
  option transparent
  source 0.0.0.0 usesrc clientip
"""


def start(gateway: Namespace, cap: int, core: int, stack: ExitStack) -> None:
    """Let it take all sessions to port 25 that come through a gateway; it runs before others on one core."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    config = folder / "haproxy.cfg"
    config.write_text(CONFIG.format(port=PORT, cap=cap, delay_ms=DELAY_MS), encoding="ascii")
    gateway.run("nft", "-f", "-", text_in=RULES)
    gateway.run("ip", "rule", "add", "fwmark", "1", "lookup", "100")
    gateway.run("ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "100")
    gateway.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
    alone = ("taskset", "--cpu-list", str(core), "chrt", "--fifo", "1")
    process = gateway.start(*alone, "haproxy", "-db", "-f", str(config))
    until(lambda: process.poll() is not None or _listens(gateway))
    if process.poll() is not None:
        raise RuntimeError(f"HAProxy ended: {process.communicate()[0]}")


def _listens(gateway: Namespace) -> bool:
    return bool(gateway.run("ss", "-Htln", f"sport = :{PORT}").stdout)
