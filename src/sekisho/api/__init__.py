"""The one interface of a running daemon: HTTP on a Unix socket.

`models` are the values that travel, `app` answers, `client` asks. docs/api.md writes the keys down.
"""
