"""Lines: who holds which address, now and at any past moment.

What sources say becomes events, events become leases, and leases are kept and looked up:

    accounting, DHCP  ─► events ─► leases (pure) ─► store ─► the gate's roster
    static lists      ─► static (pure) ─────────────┘
    address, moment   ─► holder (pure) ─► a line, candidates, or nobody

The last one is the question of every report.
"""
