/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * slot.h: what one packet means for the slot of its session.
 *
 * A slot is the right to pass. It goes SYN → OPEN → HALF → CLOSED; a CLOSED slot is no
 * longer charged to its line and only lets the last acknowledgements through until it
 * is swept. judge_line() and judge_server() run under the slot's lock, call no helper
 * and change nothing but the slot; what they answer is carried out by the caller.
 */
#ifndef SEKISHO_SLOT_H
#define SEKISHO_SLOT_H

#include "line.h"

/* How far back an acknowledgement may lie and still be the session's (bytes). */
#define STALE_ACK 65536

/* How far ahead of what was acknowledged a byte may lie (RFC 7323 §2.3); of the server's, what is usual. */
#define LINE_WINDOW (1u << 30)
#define SERVER_WINDOW (1u << 24)

enum outcome {
	NO_SLOT,        /* none, or closed: take one or be treated as without */
	GO,             /* on with it */
	HOLD,           /* a SYN to be held from now */
	RETRANSMISSION, /* a SYN that is held already: drop */
	EARLY,          /* anything else of a held session: drop */
	LINGER,         /* a last acknowledgement: on with it, uncounted */
	REFUSED_OPEN,   /* a SYN from the server that no slot waits for: drop */
};

enum closing { STAYS, BY_FIN, BY_RST, BY_TIME };

/* What the judges need to know besides slot and packet. */
struct moment {
	__u64 now;
	__u64 delay; /* nanoseconds */
	__u64 fingerprint;
	__u64 syn_timeout;
	__u64 idle_timeout;
	__u64 half_closed_timeout;
	__u64 linger;
	bool enforcing;
	bool half_view;
	enum closing closing; /* out: how the slot came free, if it did */
};

static __always_inline bool after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/* first <= n <= last, in sequence space */
static __always_inline bool within(__u32 n, __u32 first, __u32 last)
{
	return n - first <= last - first;
}

static __always_inline bool is_syn(const struct packet *p)
{
	return p->flags == TCP_SYN;
}

/* Data that may take a slot: payload of a session, not of a handshake or a reset. */
static __always_inline bool may_adopt(const struct packet *p)
{
	return p->payload && !(p->flags & (TCP_SYN | TCP_RST));
}

static __always_inline __u32 end_of(const struct packet *p)
{
	return p->seq + p->payload + !!(p->flags & TCP_FIN);
}

static __always_inline __u64 mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

/* The key has to lie on an eight-byte boundary. */
static __always_inline __u64 fingerprint_of(const struct slot_key *key)
{
	const __u64 *addresses = (const __u64 *)key;
	__u64 hash = key->port | (__u64)key->ipv6 << 16;

	for (int i = 0; i < (sizeof(key->line) + sizeof(key->server)) / sizeof(*addresses); i++)
		hash = mix(hash, addresses[i]);
	return hash;
}

static __always_inline void close(struct slot *slot, struct moment *m, enum closing how)
{
	slot->state = SLOT_CLOSED;
	slot->until = how == BY_TIME ? m->now : m->now + m->linger;
	m->closing = how;
}

static __always_inline bool held(const struct slot *slot, const struct moment *m)
{
	return slot->state == SLOT_SYN && m->enforcing && m->now < slot->release_at;
}

/* Is this the slot's packet, and is the slot live? Ends slots whose time has come. */
static __always_inline bool is_live(struct slot *slot, struct moment *m)
{
	if (slot->fingerprint != m->fingerprint || slot->state == SLOT_DEAD)
		return false;
	if (slot->state != SLOT_CLOSED && m->now >= slot->until)
		close(slot, m, BY_TIME);
	return slot->state != SLOT_CLOSED;
}

static __always_inline enum outcome judge_closed(const struct slot *slot, const struct packet *p,
						 const struct moment *m)
{
	if (slot->fingerprint != m->fingerprint || slot->state != SLOT_CLOSED)
		return NO_SLOT;
	return m->now < slot->until && !p->payload && !(p->flags & TCP_SYN) ? LINGER : NO_SLOT;
}

/* An adopted session that the server has not confirmed is waited for like one not answered. */
static __always_inline void stay(struct slot *slot, const struct moment *m)
{
	bool confirmed = !(slot->flags & SLOT_ADOPTED) || (slot->flags & SLOT_SERVER_SPOKE) || m->half_view;

	if (slot->state == SLOT_HALF)
		slot->until = m->now + m->half_closed_timeout;
	else
		slot->until = m->now + (confirmed ? m->idle_timeout : m->syn_timeout);
}

/* Once one side has closed, only the line's data prolongs the session, and the server's until the line closes. */
static __always_inline bool prolongs_half(const struct slot *slot, const struct packet *p, bool from_line)
{
	return p->payload && (from_line || !(slot->flags & SLOT_LINE_FIN));
}

static __always_inline void note_fin(struct slot *slot, const struct packet *p, struct moment *m,
				     bool from_line)
{
	bool prolongs = slot->state != SLOT_HALF || prolongs_half(slot, p, from_line);

	if (p->flags & TCP_FIN) {
		slot->state = SLOT_HALF;
		slot->flags |= from_line ? SLOT_LINE_FIN : SLOT_SERVER_FIN;
		if (from_line)
			slot->line_fin = end_of(p);
		else
			slot->server_fin = end_of(p);
	}
	/* What the server says prolongs only what the line has taken part in. */
	if (prolongs && (slot->flags & SLOT_LINE_SPOKE))
		stay(slot, m);
}

static __always_inline void close_if_finished(struct slot *slot, struct moment *m)
{
	__u8 both = SLOT_LINE_FIN | SLOT_SERVER_FIN;

	if ((slot->flags & both) == both && !after(slot->line_fin, slot->server_ack) &&
	    !after(slot->server_fin, slot->line_ack))
		close(slot, m, BY_FIN);
	else if (m->half_view && (slot->flags & SLOT_LINE_FIN))
		close(slot, m, BY_FIN);
}

static __always_inline void note_syn(struct slot *slot, const struct packet *p,
				     const struct moment *m)
{
	slot->syn = p->seq;
	slot->syn_end = p->seq + 1 + p->payload;
	slot->release_at = m->now + m->delay;
}

/* The slot of a new session, begun by its SYN. */
static __always_inline void begin(struct slot *slot, const struct packet *p, const struct moment *m)
{
	note_syn(slot, p, m);
	slot->state = SLOT_SYN;
	slot->flags = SLOT_SYN_SEEN;
	slot->line_end = slot->syn_end;
	slot->server_ack = slot->syn + 1;
	slot->until = slot->release_at + m->syn_timeout;
}

/*
 * A SYN for a live slot: the copy of a known one, or a new one, which waits anew. One of a
 * slot is in the queue at a time: what comes meanwhile is left to its retransmission.
 */
static __always_inline enum outcome judge_syn(struct slot *slot, const struct packet *p,
					      struct moment *m)
{
	bool waiting = m->enforcing && m->now < slot->release_at;

	if ((slot->flags & (SLOT_SYN_SEEN | SLOT_LINE_SPOKE)) == SLOT_SYN_SEEN && slot->syn == p->seq) {
		if (waiting)
			return RETRANSMISSION;
		if (slot->state == SLOT_SYN)
			slot->until = m->now + m->syn_timeout;
		return GO;
	}
	if (slot->state == SLOT_SYN) {
		begin(slot, p, m);
	} else {
		note_syn(slot, p, m);
		slot->flags |= SLOT_SYN_SEEN | SLOT_REOPENING;
		slot->flags &= ~SLOT_LINE_SPOKE;
		if (slot->until < slot->release_at + m->syn_timeout)
			slot->until = slot->release_at + m->syn_timeout;
	}
	if (waiting)
		return RETRANSMISSION;
	return m->delay ? HOLD : GO;
}

static __always_inline void note_line_ack(struct slot *slot, const struct packet *p, bool half_view)
{
	if (!(slot->flags & SLOT_SERVER_SEEN)) {
		slot->flags |= SLOT_SERVER_SEEN;
		slot->server_end = slot->line_ack = p->ack;
		return;
	}
	if (half_view && after(p->ack, slot->server_end))
		slot->server_end = p->ack;
	if (after(p->ack, slot->line_ack) && !after(p->ack, slot->server_end))
		slot->line_ack = p->ack;
}

/* RFC 5961 would want the exact number; a gate sees only the bounds of what it may be. */
static __always_inline bool resets_server(const struct slot *slot, const struct packet *p,
					  const struct moment *m)
{
	if (m->half_view)
		return true;
	if (slot->state == SLOT_SYN)
		return within(p->seq, slot->syn + 1, slot->syn_end);
	return within(p->seq, slot->server_ack, slot->line_end);
}

/*
 * The line's own reset frees a slot whose handshake was seen, and one of a stranger to whom
 * the line has never spoken. Other adopted sessions were thought closed before, or the gate
 * is new: a reset only ends them soon, or a line could share one slot among many sessions
 * by resets that never arrive.
 */
static __always_inline void line_reset(struct slot *slot, struct moment *m)
{
	__u16 running = SLOT_ADOPTED | SLOT_LINE_SPOKE;

	if ((slot->flags & running) != running || m->half_view) {
		close(slot, m, BY_RST);
		slot->flags |= SLOT_LINE_RESET;
	} else if (slot->until > m->now + m->half_closed_timeout) {
		slot->until = m->now + m->half_closed_timeout;
	}
}

static __always_inline void note_line_end(struct slot *slot, const struct packet *p)
{
	__u32 end = end_of(p);

	if (after(end, slot->line_end) && end - slot->server_ack <= LINE_WINDOW)
		slot->line_end = end;
}

static __always_inline enum outcome judge_line(struct slot *slot, const struct packet *p,
					       struct moment *m)
{
	if (!is_live(slot, m))
		return judge_closed(slot, p, m);
	if (is_syn(p))
		return judge_syn(slot, p, m);
	if (held(slot, m))
		return EARLY;
	if (p->flags & TCP_RST) {
		if (m->enforcing && m->now < slot->release_at) /* else a line could fill the queue without slots */
			return EARLY;
		if (resets_server(slot, p, m))
			line_reset(slot, m);
		return GO;
	}
	if (p->flags & TCP_SYN) /* SYN-ACK of a simultaneous open */
		return GO;
	if (slot->state == SLOT_SYN) {
		if (!m->half_view) /* of a former session on these ports; the server's answer is what opens */
			return GO;
		slot->state = SLOT_OPEN;
	}
	slot->flags |= SLOT_LINE_SPOKE;
	note_line_end(slot, p);
	note_line_ack(slot, p, m->half_view);
	note_fin(slot, p, m, true);
	close_if_finished(slot, m);
	return GO;
}

/* The server's answer to the latest SYN begins the session (anew). */
static __always_inline void establish(struct slot *slot, const struct packet *p,
				      const struct moment *m)
{
	slot->state = SLOT_OPEN;
	slot->flags = SLOT_SYN_SEEN | SLOT_SERVER_SEEN | SLOT_SERVER_SPOKE;
	slot->line_end = slot->syn_end;
	slot->server_end = slot->line_ack = p->seq + 1;
	slot->server_ack = p->ack;
	slot->until = m->now + m->syn_timeout;
}

static __always_inline bool answers_syn(const struct slot *slot, const struct packet *p)
{
	return (slot->flags & SLOT_SYN_SEEN) &&
	       (slot->state == SLOT_SYN || (slot->flags & SLOT_REOPENING)) &&
	       within(p->ack, slot->syn + 1, slot->syn_end);
}

static __always_inline bool resets_line(const struct slot *slot, const struct packet *p)
{
	if ((p->flags & TCP_ACK) && answers_syn(slot, p))
		return true;
	return slot->state != SLOT_SYN && within(p->seq, slot->line_ack, slot->server_end);
}

/* Sign of being on the path: both numbers are near what the line has sent and acknowledged. */
static __always_inline bool is_plausible(const struct slot *slot, const struct packet *p)
{
	return within(p->ack, slot->server_ack - STALE_ACK, slot->line_end) &&
	       within(p->seq, slot->line_ack - STALE_ACK, slot->line_ack + SERVER_WINDOW);
}

static __always_inline enum outcome judge_server(struct slot *slot, const struct packet *p,
						 struct moment *m)
{
	if (!is_live(slot, m))
		return judge_closed(slot, p, m);
	if (held(slot, m)) /* its SYN slipped past a lost rule: the delay holds all the same */
		return EARLY;
	if (is_syn(p))
		return slot->state == SLOT_SYN ? GO : REFUSED_OPEN;
	if (p->flags & TCP_SYN) {
		if (m->enforcing && m->now < slot->release_at)
			return EARLY;
		if (answers_syn(slot, p))
			establish(slot, p, m);
		return GO;
	}
	if (p->flags & TCP_RST) {
		if (resets_line(slot, p))
			close(slot, m, BY_RST);
		return GO;
	}
	if (slot->state == SLOT_SYN || !is_plausible(slot, p))
		return GO; /* a challenge, or somebody else's guess */
	if (after(end_of(p), slot->server_end))
		slot->server_end = end_of(p);
	if (after(p->ack, slot->server_ack))
		slot->server_ack = p->ack;
	slot->flags |= SLOT_SERVER_SPOKE;
	note_fin(slot, p, m, false);
	close_if_finished(slot, m);
	return GO;
}

/* The slot of a session that runs already. */
static __always_inline void adopt(struct slot *slot, const struct packet *p, const struct moment *m,
				  bool from_line)
{
	__u16 fin = from_line ? SLOT_LINE_FIN : SLOT_SERVER_FIN;

	slot->state = p->flags & TCP_FIN ? SLOT_HALF : SLOT_OPEN;
	slot->flags = SLOT_ADOPTED | SLOT_SERVER_SEEN | (p->flags & TCP_FIN ? fin : 0);
	slot->release_at = m->now;
	if (from_line) {
		slot->flags |= SLOT_LINE_SPOKE;
		slot->line_end = slot->line_fin = end_of(p);
		slot->server_ack = p->seq;
		slot->server_end = slot->line_ack = p->ack;
	} else {
		slot->flags |= SLOT_SERVER_SPOKE;
		slot->server_end = slot->server_fin = end_of(p);
		slot->line_ack = p->seq;
		slot->line_end = slot->server_ack = p->ack;
	}
	/* Anybody may have sent it: the other side's word is waited for like an answer. */
	slot->until = m->now + (m->half_view ? m->idle_timeout : m->syn_timeout);
}

#endif
