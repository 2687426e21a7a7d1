"""What each count is called as a metric, without prefix and `_total`, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Named = Mapping[str, tuple[str, str]]

COUNTERS: Final[Named] = {
    "attempted": ("sessions_attempted", "New sessions that were tried."),
    "admitted": ("sessions_admitted", "New sessions that were admitted."),
    "refused": ("sessions_refused", "New sessions that were refused."),
    "over_cap": ("sessions_over_cap", "Sessions admitted beyond the cap while observing."),
    "untracked": ("sessions_untracked", "Sessions without a slot for want of room, while observing."),
    "held": ("sessions_held", "Admitted sessions that had to wait."),
    "retransmissions_dropped": ("retransmissions_dropped", "SYNs sent again by sessions that were held."),
    "early_dropped": ("early_packets_dropped", "Other packets of sessions that were held."),
    "adopted": ("sessions_adopted", "Sessions that got their slot at a data packet."),
    "without_slot_passed": ("packets_without_slot_passed", "Packets without a slot that passed."),
    "without_slot_dropped": ("packets_without_slot_dropped", "Packets without a slot that were dropped."),
    "closed_fin": ("sessions_closed_by_fin", "Sessions that both sides closed."),
    "closed_rst": ("sessions_closed_by_rst", "Sessions that a reset ended."),
    "closed_time": ("sessions_closed_by_time", "Sessions that were silent for too long."),
    "unjudgeable": ("packets_unjudgeable", "Malformed packets, illegal flags, fragments, too many headers."),
    "bytes_out": ("sent_bytes", "Bytes from lines."),
    "bytes_in": ("received_bytes", "Bytes to lines."),
}
"""Of a class and arm, by the field of `ClassCounters`."""

TOTALS: Final[Named] = {
    "unknown_source": ("packets_of_unknown_source", "Packets from addresses of no class."),
    "unknown_ethertype": ("packets_of_unknown_ethertype", "Packets that are neither IPv4 nor IPv6."),
    "exempt": ("packets_exempt", "Packets to exempt destinations."),
    "lines_full": ("lines_table_full", "Sessions for whose line the table of lines had no room."),
    "slots_full": ("slots_table_full", "Sessions for which the table of slots had no room."),
    "busy": ("races_lost", "Packets that lost a race, and were refused."),
    "peaks_full": ("peaks_table_full", "Sessions for whose line the table of peaks had no room."),
}
"""Of a gate, by the field of `Totals`."""

HOLD_COUNTERS: Final[Named] = {
    "released": ("hold_released", "SYNs that went on from the hold."),
    "dropped": ("hold_dropped", "SYNs for which the hold had no room."),
    "rules_restored": ("hold_rules_restored", "Times that a queue rule was gone and put back."),
    "queues_lost": ("hold_queues_lost", "Queues that had to be opened again."),
}
"""Of a hold, by the field of `HoldStatus`."""

EQUIPMENT_SECONDS: Final[Named] = {
    "cpu_ms": ("cpu_seconds", "Time of all of the machine's cores, busy or not."),
    "busy_ms": ("cpu_busy_seconds", "Of it what was not idle."),
    "softirq_ms": ("cpu_softirq_seconds", "Of it what went by with packets, the kernel program included."),
}
EQUIPMENT_PACKETS: Final[Named] = {
    "received": ("interface_packets_received", "Packets that the gate's interfaces received."),
    "received_dropped": ("interface_drops_received", "Packets that they dropped on arrival."),
    "sent": ("interface_packets_sent", "Packets that the gate's interfaces sent."),
    "sent_dropped": ("interface_drops_sent", "Packets that they dropped instead of sending."),
}
"""Of a machine and of all interfaces of its gate together, by the field of `EquipmentCounts`."""
