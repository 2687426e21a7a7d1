"""The daemon of one gate: keeps the kernel at what the file and the operators want.

`keeper` does it, `service` is the process around it.
"""
