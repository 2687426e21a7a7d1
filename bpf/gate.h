/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * gate.h: every struct, limit and map name that the kernel program shares with
 * user space. src/sekisho/gate/abi.py is its mirror; a test compares both with
 * the BTF of the built object.
 *
 * Times are CLOCK_MONOTONIC nanoseconds unless the name carries another unit.
 * Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d; ports in host order.
 */
#ifndef SEKISHO_GATE_H
#define SEKISHO_GATE_H

#define SMTP_PORT 25

#define MAX_CLASSES 64
#define MAX_ARMS 16
#define OWN_LIMIT_ARM 1 /* lines with a limit of their own; what the others mean user space says */
#define MAX_LIMITS 256       /* limits[0..63]: the classes'; the rest: individual ones */
#define MAX_PREFIX_LENGTHS 8 /* distinct IPv6 prefix lengths of known addresses */
#define CLASS_NAME_SIZE 32

#define CONCURRENCY_BUCKETS 24 /* 1..16 one by one, then 17-32, 33-64, … */
#define LENGTH_BUCKETS 24      /* log2 of (milliseconds + 1) */

/* The hold mark: eight bits of skb->mark; the low four name the bank of queues. */
#define HOLD_MARK 0xb0000000u
#define HOLD_MARK_MASK 0xff000000u
#define HOLD_BANK_SHIFT 24
#define MAX_BANKS 16 /* distinct delays in force at a time */

/* What a line may hold where its cap does not bind: observing, or learning. */
#define UNCAPPED_SLOTS 1024

/*
 * A line is one u64, so that one word tells whose a map element is:
 *   known      LINE_KNOWN | id (id below 2^48)
 *   IPv4 pool  LINE_IPV4 | address
 *   IPv6 pool  the upper 64 bits of the line's prefix (2000::/3 or fc00::/7)
 */
#define LINE_IPV4 (1ull << 32)
#define LINE_KNOWN (1ull << 48)

enum mode { MODE_OBSERVE = 0, MODE_ENFORCE = 1 };
enum excess { EXCESS_DROP = 0, EXCESS_RESET = 1 };

/* One word, so that a switch is one write and no packet sees half of it. */
struct limit {
	__u32 cap;
	__u16 delay_ms;
	__u8 bank; /* the queues that hold for delay_ms */
	__u8 mode : 4;
	__u8 excess : 4;
};

/* addresses: who holds an address. `set` is 0 for a whole address, or 1 + the port set. */
struct address_key {
	__u8 address[16];
	__u32 set;
	__u32 length; /* prefix length in bits, IPv4 counted from 96 */
};

/* known: how a known line is treated; key: the line */
struct known {
	__u16 class;
	__u16 limit;
	__u8 arm;
	__u8 pad[3];
};

/*
 * shared: how an IPv4 address is divided by ports; key: struct in_addr.
 * MAP-E (RFC 7597 §5.1): offset a, length k, 16 - a - k low bits; set = the k bits.
 * Blocks (CGN): size > 0; set = (port - first) / size.
 */
struct port_plan {
	__u16 class; /* judges packets without a readable port */
	__u16 first;
	__u16 size;
	__u8 offset;
	__u8 length;
};

struct prefix_key {
	__u32 length; /* bits, IPv4 counted from 96 */
	__u8 address[16];
};

/* pools: key prefix_key */
struct pool {
	__u16 class;
	__u8 line_length; /* bits of one line's prefix, IPv4: 128 */
	__u8 arm;
};

enum control_flag {
	CONTROL_HALF_VIEW = 1 << 0,      /* only the lines' direction is seen */
	CONTROL_HOLD_BY_QUEUE = 1 << 1,  /* else the first SYN is dropped and comes back */
	CONTROL_DROP_UNKNOWN = 1 << 2,   /* sources in no pool */
	CONTROL_DROP_ETHERTYPE = 1 << 3, /* EtherTypes that cannot be read */
};

/* control[0] */
struct control {
	__u64 learning_until;
	__u64 test_clock; /* what now() answers in the test object */
	__u32 flags;
	__u32 syn_timeout_ms;  /* a SYN that went on and is not answered */
	__u32 idle_timeout_ms; /* silence in an open session */
	__u32 half_closed_timeout_ms;
	__u32 linger_ms; /* last acknowledgements after closing */
	__u8 prefix_lengths[MAX_PREFIX_LENGTHS]; /* 0 ends the list */
	__u32 pad;
};

/* lines: what a line has open; key: the line. Made by its first session, swept after its last. */
struct line {
	struct bpf_spin_lock lock;
	__u32 sessions;
	__u64 owner; /* the key; 0 once swept, since elements are reused at once */
};

/* peaks_even, peaks_odd: the most sessions a line has had at once since the side's turn; key: the line */
struct peak {
	struct bpf_spin_lock lock;
	__u32 sessions;
	__u16 class;
	__u8 arm;
	__u8 met_cap; /* a session was refused for the cap */
};

/* peak_sides[0]: written by user space alone. Unix seconds; 0: not known. */
struct peak_sides {
	__u32 odd; /* which side is written to; the other one is there to be folded */
	__u32 since;
	__u32 folded_since; /* the span of what is, or is to be, in folded_peaks */
	__u32 folded_until;
};

/* folded_peaks[class * MAX_ARMS + arm]: lines by their peak, and those that met the cap */
struct folded_peaks {
	__u64 lines[CONCURRENCY_BUCKETS];
	__u64 met_cap;
};

/* fold_state[0]: in a map, since the verifier would follow a count on the stack through every line */
struct fold_state {
	__u32 lines; /* folded in this run */
};

struct slot_key {
	__u8 line[16];
	__u8 server[16];
	__u16 port; /* the line's */
	__u16 ipv6; /* else a mapped address in IPv6 would speak for an IPv4 session */
};

enum slot_state {
	SLOT_DEAD = 0,   /* swept; the element may be reused at any moment */
	SLOT_SYN = 1,    /* admitted, not answered yet; held until release_at */
	SLOT_OPEN = 2,
	SLOT_HALF = 3,   /* one side has closed */
	SLOT_CLOSED = 4, /* free again; lingers for the last acknowledgements */
};

enum slot_flag {
	SLOT_LINE_FIN = 1 << 0,
	SLOT_SERVER_FIN = 1 << 1,
	SLOT_SERVER_SEEN = 1 << 2, /* server_end and line_ack are known */
	SLOT_SYN_SEEN = 1 << 3,    /* syn and syn_end are known */
	SLOT_REOPENING = 1 << 4,   /* a new SYN came on a live session */
	SLOT_LINE_SPOKE = 1 << 5,  /* the line has answered since its SYN: no copy of that is due */
	SLOT_SERVER_SPOKE = 1 << 6,
	SLOT_ADOPTED = 1 << 7,    /* no handshake was seen */
	SLOT_LINE_RESET = 1 << 8, /* closed by the line's own word */
};

/* slots: key slot_key */
struct slot {
	struct bpf_spin_lock lock;
	__u16 class;
	__u16 flags;
	__u64 fingerprint; /* of the key, since elements are reused at once */
	__u64 until;       /* when silence ends the slot */
	__u64 release_at;  /* no packet of this SYN passes before */
	__u32 line_end;    /* highest sequence number the line has sent, plus one */
	__u32 server_end;
	__u32 line_ack; /* highest that the line has acknowledged */
	__u32 server_ack;
	__u16 limit;
	__u8 state;
	__u8 arm;
	__u8 pad[4]; /* so far what every packet touches */
	__u32 syn;     /* initial sequence number of the latest SYN */
	__u32 syn_end; /* syn + 1 + data in the SYN */
	__u32 line_fin; /* sequence number after the FIN */
	__u32 server_fin;
	__u64 line; /* the line that was charged */
	__u64 opened;
};

/* counters[class * MAX_ARMS + arm], per CPU */
struct counters {
	__u64 attempted;
	__u64 admitted;
	__u64 refused;
	__u64 over_cap; /* admitted while observing, beyond the cap */
	__u64 untracked; /* passed while observing, without a slot for want of room */
	__u64 held;
	__u64 retransmissions_dropped;
	__u64 early_dropped; /* a held session's packets other than its SYN */
	__u64 adopted;
	__u64 without_slot_passed;
	__u64 without_slot_dropped;
	__u64 closed_fin;
	__u64 closed_rst;
	__u64 closed_time;
	__u64 unjudgeable; /* malformed, illegal flags, fragments, too many headers */
	__u64 bytes_out;   /* IP bytes from the line, of packets with a slot */
	__u64 bytes_in;
	__u64 concurrency[CONCURRENCY_BUCKETS]; /* sessions of the line at admission */
	__u64 length[LENGTH_BUCKETS];           /* session length at closing */
};

/* totals[0], per CPU: what belongs to no class */
struct totals {
	__u64 unknown_source;
	__u64 unknown_ethertype;
	__u64 exempt;
	__u64 resets_sent;
	__u64 slots_taken; /* tells user space whether there can be anything to sweep */
	__u64 lines_full; /* alarm: refused or untracked because a map is full */
	__u64 slots_full;
	__u64 busy; /* lost a race and was treated as refused */
	__u64 peaks_full; /* sessions of lines whose peak there was no room for */
};

/* swept[0]: what the last sweep found */
struct sweep {
	__u32 sessions;  /* live slots left */
	__u32 lingering; /* closed slots left */
	__u32 lines;     /* left */
	__u32 expired;
	__u32 slots_removed;
	__u32 lines_removed;
};

#endif
