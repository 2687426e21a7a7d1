// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * gate.bpf.c: classify → line → slot → hold → count.
 *
 * Six programs, one for each role of an interface and kind of link, so that neither is
 * looked up per packet; the sweep, which user space runs once a second; and the fold, once an hour.
 *
 * A packet of port 25 in the lines' direction meets, in this order:
 *   its slot, if it has one        → what slot.h says
 *   an exempt destination          → on
 *   no line for its source         → the policy for unknown sources
 *   a SYN                          → takes a slot (admit, hold) or is refused
 *   data                           → takes a slot without a hold (adopted) or is dropped
 *   anything else                  → dropped where the class enforces
 * The servers' direction is the same without new sessions.
 */
#include "slot.h"
#include "peak.h"
#include "reset.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* The next program of the hook, or onward; never TC_ACT_OK, which would end the chain. */
#define PASS (-1) /* TC_ACT_UNSPEC */
#define DROP 2	  /* TC_ACT_SHOT */

/*
 * One packet on its way through the gate; lives on the stack of examine(), where 6.1 has no room left.
 */
struct visit {
	struct packet packet;
	struct slot_key key __attribute__((aligned(8)));
	struct moment moment;
	struct subject subject;
	struct slot *closed; /* a slot of this session that may be used again */
	const struct control *settings;
	struct limit limit;
	__u32 sessions; /* of the line, with one that took a slot or met the cap */
	bool met_cap;
	bool doubted; /* that closed slot was closed by the line's own word */
	bool from_line;
	bool ethernet;
};

static __always_inline void apply_limit(struct visit *v, __u16 index)
{
	v->limit = limit_at(index);
	v->moment.enforcing = v->limit.mode == MODE_ENFORCE;
	v->moment.delay = v->moment.enforcing ? v->limit.delay_ms * NANOSECONDS_PER_MS : 0;
}

static __always_inline void count_bytes(const struct visit *v, __u16 class, __u8 arm)
{
	struct counters *c = counters_of(class, arm);

	if (!c)
		return;
	if (v->from_line)
		c->bytes_out += v->packet.length;
	else
		c->bytes_in += v->packet.length;
}

static __always_inline void count_closing(__u16 class, __u8 arm, enum closing how, __u64 lasted)
{
	struct counters *c = counters_of(class, arm);
	__u32 bucket = log2_of(lasted / NANOSECONDS_PER_MS + 1);

	if (!c)
		return;
	if (how == BY_FIN)
		c->closed_fin++;
	else if (how == BY_RST)
		c->closed_rst++;
	else
		c->closed_time++;
	if (bucket >= LENGTH_BUCKETS)
		bucket = LENGTH_BUCKETS - 1;
	c->length[bucket]++;
}

/* Hold a SYN: by netfilter's queue where that can see it, else by its retransmission. */
static __always_inline int hold(struct __sk_buff *skb, const struct visit *v)
{
	if (!(v->settings->flags & CONTROL_HOLD_BY_QUEUE) || !v->packet.queueable)
		return DROP;
	skb->mark = (skb->mark & ~HOLD_MARK_MASK) | HOLD_MARK |
		    (__u32)(v->limit.bank & (MAX_BANKS - 1)) << HOLD_BANK_SHIFT;
	return PASS;
}

static __always_inline int refuse(struct __sk_buff *skb, const struct visit *v)
{
	COUNT(v->subject.class, v->subject.arm, refused);
	if (v->limit.excess != EXCESS_RESET || make_reset(skb, &v->packet, v->ethernet))
		return DROP;
	COUNT_TOTAL(resets_sent);
	return bpf_redirect(skb->ifindex, 0);
}

static __always_inline void alarm(enum reserved why)
{
	if (why == LINES_FULL)
		COUNT_TOTAL(lines_full);
	else if (why == BUSY)
		COUNT_TOTAL(busy);
}

/* Put a slot into the map, or into the place of the closed one. */
static __always_inline bool place(struct visit *v, const struct slot *fresh)
{
	struct slot *closed = v->closed;
	bool free;
	int error; /* as in reserve() */

	COUNT_TOTAL(slots_taken);
	if (closed) {
		bpf_spin_lock(&closed->lock);
		free = closed->state == SLOT_CLOSED && closed->fingerprint == fresh->fingerprint;
		if (free)
			__builtin_memcpy(&closed->class, &fresh->class,
					 sizeof(*fresh) - offsetof(struct slot, class));
		bpf_spin_unlock(&closed->lock);
		if (!free)
			COUNT_TOTAL(busy);
		return free;
	}
	error = bpf_map_update_elem(&slots, &v->key, fresh, BPF_NOEXIST);
	if (error == -E2BIG)
		COUNT_TOTAL(slots_full);
	else if (error)
		COUNT_TOTAL(busy);
	return !error;
}

/* Take a slot of the line for this packet's session; v->sessions: the line's count with it. */
static __always_inline bool take(struct visit *v, __u32 bound)
{
	struct slot fresh = {
		.class = v->subject.class,
		.fingerprint = v->moment.fingerprint,
		.line = v->subject.line,
		.opened = v->moment.now,
		.limit = v->subject.limit,
		.arm = v->subject.arm,
	};
	enum reserved answer = reserve(v->subject.line, bound, &v->sessions);

	if (answer != RESERVED) {
		alarm(answer);
		v->met_cap = answer == AT_CAP && v->moment.enforcing;
		if (!v->met_cap)
			v->sessions = 0;
		return false;
	}
	if (is_syn(&v->packet))
		begin(&fresh, &v->packet, &v->moment);
	else
		adopt(&fresh, &v->packet, &v->moment, v->from_line);
	if (place(v, &fresh))
		return true;
	release(v->subject.line);
	v->sessions = 0;
	return false;
}

static __always_inline __u32 uncapped(__u32 cap)
{
	return cap > UNCAPPED_SLOTS ? cap : UNCAPPED_SLOTS;
}

static __always_inline int open_session(struct __sk_buff *skb, struct visit *v)
{
	bool enforcing = v->moment.enforcing;
	__u32 cap = v->limit.cap;
	struct counters *c;

	COUNT(v->subject.class, v->subject.arm, attempted);
	if (!take(v, enforcing ? cap : uncapped(cap))) {
		if (enforcing)
			return refuse(skb, v);
		COUNT(v->subject.class, v->subject.arm, untracked);
		return PASS;
	}
	c = counters_of(v->subject.class, v->subject.arm);
	if (c) {
		__u32 bucket = concurrency_bucket(v->sessions);

		c->admitted++;
		c->over_cap += !enforcing && v->sessions > cap;
		c->held += v->moment.delay != 0;
		if (bucket < CONCURRENCY_BUCKETS)
			c->concurrency[bucket]++;
	}
	if (v->moment.delay && hold(skb, v) == DROP)
		return DROP;
	count_bytes(v, v->subject.class, v->subject.arm);
	return PASS;
}

static __always_inline int without_slot(const struct visit *v)
{
	if (v->moment.enforcing) {
		COUNT(v->subject.class, v->subject.arm, without_slot_dropped);
		return DROP;
	}
	COUNT(v->subject.class, v->subject.arm, without_slot_passed);
	return PASS;
}

/*
 * A session that runs already. From outside only while learning, or where the line alone
 * has said it was over: else a few forged packets would fill a line's slots.
 */
static __always_inline int adopt_session(struct visit *v)
{
	bool learning = v->moment.now < v->settings->learning_until;
	__u32 cap = v->limit.cap;

	if (!v->from_line && !learning && !v->doubted)
		return without_slot(v);
	if (!take(v, v->moment.enforcing && !learning ? cap : uncapped(cap)))
		return without_slot(v);
	COUNT(v->subject.class, v->subject.arm, adopted);
	count_bytes(v, v->subject.class, v->subject.arm);
	return PASS;
}

static __always_inline int unknown_source(const struct visit *v)
{
	if (!v->from_line)
		return PASS;
	COUNT_TOTAL(unknown_source);
	return v->settings->flags & CONTROL_DROP_UNKNOWN ? DROP : PASS;
}

/* A packet of port 25 whose session has no live slot. */
static __noinline int judge_stranger(struct __sk_buff *skb, struct visit *v)
{
	const struct packet *p = &v->packet;
	const __u8 *server = v->from_line ? p->destination : p->source;

	if (!p->detour && is_exempt(server)) {
		COUNT_TOTAL(exempt);
		return PASS;
	}
	if (!find_line(v->from_line ? p->source : p->destination, p->ipv6, v->key.port, v->settings,
		       &v->subject))
		return unknown_source(v);
	apply_limit(v, v->subject.limit);
	if (!v->subject.line)
		return without_slot(v);
	if (v->from_line && is_syn(p))
		return open_session(skb, v);
	if (may_adopt(p))
		return adopt_session(v);
	return without_slot(v);
}

/* What was decided under the slot's lock, carried out: counted, marked, passed or dropped. */
static __always_inline int carry_out(struct __sk_buff *skb, struct visit *v, enum outcome outcome,
				     __u16 class, __u8 arm)
{
	switch (outcome) {
	case HOLD:
		if (hold(skb, v) == DROP)
			return DROP;
		break;
	case LINGER:
		COUNT(class, arm, without_slot_passed);
		return PASS;
	case RETRANSMISSION:
		COUNT(class, arm, retransmissions_dropped);
		return DROP;
	case EARLY:
		COUNT(class, arm, early_dropped);
		return DROP;
	case REFUSED_OPEN:
		v->subject.class = class;
		v->subject.arm = arm;
		return without_slot(v);
	default:
		break;
	}
	count_bytes(v, class, arm);
	return PASS;
}

static __always_inline int judge_session(struct __sk_buff *skb, struct visit *v)
{
	struct slot *slot = bpf_map_lookup_elem(&slots, &v->key);
	struct moment *m = &v->moment;
	__u64 line = 0, opened = 0;
	enum outcome outcome;
	__u16 class;
	__u8 arm;

	if (!slot)
		return judge_stranger(skb, v);
	apply_limit(v, slot->limit);
	bpf_spin_lock(&slot->lock);
	outcome = v->from_line ? judge_line(slot, &v->packet, m) : judge_server(slot, &v->packet, m);
	class = slot->class;
	arm = slot->arm;
	if (m->closing != STAYS) {
		line = slot->line;
		opened = slot->opened;
	}
	if (slot->state == SLOT_CLOSED && slot->fingerprint == m->fingerprint)
		v->closed = slot, v->doubted = slot->flags & SLOT_LINE_RESET;
	bpf_spin_unlock(&slot->lock);
	if (m->closing != STAYS) {
		release(line);
		count_closing(class, arm, m->closing, m->now - opened);
	}
	if (outcome == NO_SLOT)
		return judge_stranger(skb, v);
	return carry_out(skb, v, outcome, class, arm);
}

/* A packet that cannot be judged passes nowhere that a limit is enforced. */
static __noinline int unjudgeable(struct visit *v, int role)
{
	const struct packet *p = &v->packet;
	bool found = false;

	if (role & TO_SERVERS)
		found = find_line(p->source, p->ipv6, 0, v->settings, &v->subject);
	if (!found && (role & TO_LINES))
		found = find_line(p->destination, p->ipv6, 0, v->settings, &v->subject);
	if (!found)
		return PASS;
	apply_limit(v, v->subject.limit);
	COUNT(v->subject.class, v->subject.arm, unjudgeable);
	return v->moment.enforcing ? DROP : PASS;
}

static __always_inline void identify(struct visit *v)
{
	const struct packet *p = &v->packet;

	__builtin_memcpy(v->key.line, v->from_line ? p->source : p->destination, 16);
	__builtin_memcpy(v->key.server, v->from_line ? p->destination : p->source, 16);
	v->key.port = v->from_line ? p->source_port : p->destination_port;
	v->key.ipv6 = p->ipv6;
	v->moment.fingerprint = fingerprint_of(&v->key);
}

static __always_inline void read_clock(struct visit *v)
{
	const struct control *settings = v->settings;

	v->moment.now = now_ns(settings);
	v->moment.syn_timeout = settings->syn_timeout_ms * NANOSECONDS_PER_MS;
	v->moment.idle_timeout = settings->idle_timeout_ms * NANOSECONDS_PER_MS;
	v->moment.half_closed_timeout = settings->half_closed_timeout_ms * NANOSECONDS_PER_MS;
	v->moment.linger = settings->linger_ms * NANOSECONDS_PER_MS;
	v->moment.half_view = settings->flags & CONTROL_HALF_VIEW;
}

/* Does the packet's source belong to a line? */
static __noinline bool is_line(struct visit *v)
{
	const struct packet *p = &v->packet;

	return find_line(p->source, p->ipv6, p->source_port, v->settings, &v->subject);
}

static __noinline int examine(struct __sk_buff *skb, int role, bool ethernet)
{
	struct visit v = {.ethernet = ethernet, .settings = settings_of_gate()};
	enum parsed parsed;
	int action;

	if (!v.settings)
		return PASS;
	parsed = parse(skb, role, ethernet, &v.packet);
	if (parsed == OTHER)
		return PASS;
	if (parsed == UNREADABLE) {
		COUNT_TOTAL(unknown_ethertype);
		return v.settings->flags & CONTROL_DROP_ETHERTYPE ? DROP : PASS;
	}
	read_clock(&v);
	if (parsed == UNJUDGEABLE)
		return unjudgeable(&v, role);
	v.from_line = parsed == SMTP_OUT;
	if (!v.from_line && (role & FROM_LINES_ONLY) && !is_line(&v))
		return PASS;
	identify(&v);
	action = judge_session(skb, &v);
	/* Here and not where it is found out: 6.1 counts the stack of all frames below. */
	if (v.sessions || v.met_cap)
		note_peak(&v.subject, v.sessions, v.met_cap);
	if (v.met_cap)
		note_met_cap(v.subject.line, v.moment.now);
	return action;
}

#define PROGRAM(name, role, ethernet)                       \
	SEC("tc")                                           \
	int name(struct __sk_buff *skb)                     \
	{                                                   \
		if (not_smtp(skb, (role), (ethernet)))      \
			return PASS;                        \
		return examine(skb, (role), (ethernet));    \
	}

PROGRAM(subscriber_eth, SUBSCRIBER, true)
PROGRAM(subscriber_ip, SUBSCRIBER, false)
PROGRAM(uplink_eth, UPLINK, true)
PROGRAM(uplink_ip, UPLINK, false)
PROGRAM(steered_eth, STEERED, true)
PROGRAM(steered_ip, STEERED, false)

struct sweeping {
	struct sweep found;
	__u64 now;
};

/* End a slot whose time has come. One sweep runs at a time: the daemon sees to that. */
static __always_inline void sweep_due(const struct slot_key *key, struct sweeping *sweeping)
{
	/* 6.1 lets only a value that was looked up be locked, not the one handed to the callback. */
	struct slot *slot = bpf_map_lookup_elem(&slots, key);
	__u64 line, lasted;
	bool due, live;
	__u16 class;
	__u8 arm;

	if (!slot)
		return;
	bpf_spin_lock(&slot->lock);
	live = slot->state != SLOT_CLOSED && slot->state != SLOT_DEAD;
	due = sweeping->now >= slot->until; /* a dead one could not be deleted before */
	if (due) {
		slot->state = SLOT_DEAD;
		slot->fingerprint = 0;
	}
	line = slot->line;
	class = slot->class;
	arm = slot->arm;
	lasted = sweeping->now - slot->opened;
	bpf_spin_unlock(&slot->lock);
	if (!due)
		return;
	if (live) {
		release(line);
		count_closing(class, arm, BY_TIME, lasted);
		sweeping->found.expired++;
	}
	bpf_map_delete_elem(&slots, key);
	sweeping->found.slots_removed++;
}

/* A slot that is not due is left unlocked. */
static long sweep_slot(void *map, const struct slot_key *key, struct slot *slot, struct sweeping *sweeping)
{
	if (sweeping->now >= *(volatile __u64 *)&slot->until)
		sweep_due(key, sweeping);
	else if (slot->state == SLOT_CLOSED)
		sweeping->found.lingering++;
	else
		sweeping->found.sessions++;
	return 0;
}

static long sweep_line(void *map, const __u64 *number, struct line *line, struct sweeping *sweeping)
{
	bool gone;

	if (*(volatile __u32 *)&line->sessions) {
		sweeping->found.lines++;
		return 0;
	}
	line = bpf_map_lookup_elem(&lines, number);
	if (!line)
		return 0;
	bpf_spin_lock(&line->lock);
	gone = !line->sessions;
	if (gone)
		line->owner = 0;
	bpf_spin_unlock(&line->lock);
	if (gone) {
		bpf_map_delete_elem(&lines, number);
		sweeping->found.lines_removed++;
	} else {
		sweeping->found.lines++;
	}
	return 0;
}

/*
 * Removes what time has ended. A tc program run by BPF_PROG_TEST_RUN, not a syscall one:
 * those are sleepable, and 6.1 forbids spin locks there.
 */
SEC("tc")
int sweep(struct __sk_buff *skb)
{
	struct control *settings = settings_of_gate();
	struct sweeping sweeping = {0};
	__u32 zero = 0;

	if (!settings)
		return DROP;
	sweeping.now = now_ns(settings);
	bpf_for_each_map_elem(&slots, sweep_slot, &sweeping, 0);
	bpf_for_each_map_elem(&lines, sweep_line, &sweeping, 0);
	return bpf_map_update_elem(&swept, &zero, &sweeping.found, BPF_ANY) ? DROP : PASS;
}

/*
 * Folds some of the side that is not written to, and returns how many lines; 0: there were none left.
 * Then it forgets what is a day old. Run by user space after it has turned the sides, and after a
 * start, since a former daemon may have ended between the two.
 */
SEC("tc")
int fold(struct __sk_buff *skb)
{
	struct control *settings = settings_of_gate();
	struct fold_state *state = state_of_fold();
	__u64 now;

	if (!settings || !state)
		return 0;
	state->lines = 0;
	if (writes_odd())
		fold_even();
	else
		fold_odd();
	if (!state->lines) {
		now = now_ns(settings);
		bpf_for_each_map_elem(&met_cap, forget_met_cap, &now, 0);
	}
	return state->lines;
}
