/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * line.h: whose address is it, and how many sessions has that line.
 */
#ifndef SEKISHO_LINE_H
#define SEKISHO_LINE_H

#include <linux/errno.h>
#include "maps.h"
#include "parse.h"

#define RESERVE_TRIES 3

/* A line as a packet's address names it. */
struct subject {
	__u64 line; /* 0: the class is known, the line is not (shared address, no port) */
	__u16 class;
	__u16 limit;
	__u8 arm;
};

static __always_inline __u64 as_u64(const __u8 *bytes)
{
	__be64 value;

	__builtin_memcpy(&value, bytes, sizeof(value));
	return bpf_be64_to_cpu(value);
}

static __always_inline bool is_mapped(const __u8 *address)
{
	return as_u64(address) == 0 && address[8] == 0 && address[9] == 0 && address[10] == 0xff &&
	       address[11] == 0xff;
}

static __always_inline bool find_known(const struct address_key *key, struct subject *subject)
{
	__u64 *line = bpf_map_lookup_elem(&addresses, key);
	struct known *how;

	if (!line)
		return false;
	how = bpf_map_lookup_elem(&known, line);
	if (!how)
		return false;
	subject->line = *line;
	subject->class = how->class;
	subject->limit = how->limit;
	subject->arm = how->arm;
	return true;
}

/* One more than the number of the port's set; 0 where the plan gives the port to nobody. */
static __always_inline __u32 port_set(const struct port_plan *plan, __u32 port)
{
	__u32 low = 16 - plan->offset - plan->length;

	if (plan->size) /* unsigned: BPF has no signed division */
		return port < plan->first ? 0 : 1 + (port - plan->first) / plan->size;
	if (plan->offset && !(port >> ((16 - plan->offset) & 31)))
		return 0; /* RFC 7597 §5.1: the lowest block belongs to no set */
	return 1 + ((port >> (low & 31)) & ((1u << (plan->length & 31)) - 1));
}

/* Clear all bits of an IPv6 address beyond its prefix length. */
static __always_inline void mask_address(__u8 *address, __u32 length)
{
	__u64 upper = as_u64(address), lower = as_u64(address + 8);
	__be64 masked[2];

	if (length < 64)
		upper &= length ? ~0ull << (64 - length) : 0;
	if (length < 128)
		lower &= length > 64 ? ~0ull << (128 - length) : 0;
	masked[0] = bpf_cpu_to_be64(upper);
	masked[1] = bpf_cpu_to_be64(lower);
	__builtin_memcpy(address, masked, 16);
}

static __always_inline struct port_plan *plan_of(const struct address_key *key)
{
	__be32 address;

	__builtin_memcpy(&address, key->address + 12, sizeof(address));
	return bpf_map_lookup_elem(&shared, &address);
}

/* A shared address belongs to its port sets' lines alone, never to a line of its own. */
static __always_inline bool find_shared(struct address_key *key, const struct port_plan *plan,
					__u32 port, struct subject *subject)
{
	if (!port) {
		subject->class = subject->limit = plan->class;
		return true;
	}
	key->set = port_set(plan, port);
	return key->set && find_known(key, subject);
}

static __always_inline bool find_prefix(struct address_key *key, const struct control *settings,
					struct subject *subject)
{
	struct address_key prefix = *key;

	for (int i = 0; i < MAX_PREFIX_LENGTHS; i++) {
		__u8 length = settings->prefix_lengths[i];

		if (!length)
			return false;
		/* lengths are sorted longest first, so each mask only takes away */
		prefix.length = length;
		mask_address(prefix.address, length);
		if (find_known(&prefix, subject))
			return true;
	}
	return false;
}

static __always_inline bool find_pool(const __u8 *address, bool ipv6, struct subject *subject)
{
	struct prefix_key key = {.length = 128};
	struct pool *pool;

	__builtin_memcpy(key.address, address, 16);
	pool = bpf_map_lookup_elem(&pools, &key);
	if (!pool)
		return false;
	subject->class = subject->limit = pool->class;
	subject->arm = pool->arm;
	if (!ipv6)
		subject->line = LINE_IPV4 | (__u32)as_u64(address + 8);
	else
		subject->line = as_u64(address) &
				(pool->line_length < 64 ? ~0ull << ((64 - pool->line_length) & 63) : ~0ull);
	return true;
}

/* Find the line that holds an address; port 0: not readable. False: a source in no pool. */
static __always_inline bool find_line(const __u8 *address, bool ipv6, __u32 port,
				      const struct control *settings, struct subject *subject)
{
	struct address_key key = {.length = 128};
	struct port_plan *plan;

	*subject = (struct subject){0};
	if (ipv6 && is_mapped(address)) /* no such source on a wire (RFC 4038 §4.2) */
		return false;
	__builtin_memcpy(key.address, address, 16);
	if (find_known(&key, subject))
		return true;
	if (ipv6) {
		if (find_prefix(&key, settings, subject))
			return true;
	} else {
		plan = plan_of(&key);
		if (plan)
			return find_shared(&key, plan, port, subject);
	}
	return find_pool(address, ipv6, subject);
}

static __always_inline bool is_exempt(const __u8 *address)
{
	struct prefix_key key = {.length = 128};

	__builtin_memcpy(key.address, address, 16);
	return bpf_map_lookup_elem(&exempt, &key);
}

enum reserved { RESERVED, AT_CAP, LINES_FULL, BUSY };

/* Take one of a line's `bound` slots; *sessions becomes the line's count with it. */
static __always_inline enum reserved reserve(__u64 number, __u32 bound, __u32 *sessions)
{
	struct line fresh = {.sessions = 1, .owner = number};

	if (!bound)
		return AT_CAP;
	for (int i = 0; i < RESERVE_TRIES; i++) {
		struct line *line = bpf_map_lookup_elem(&lines, &number);
		bool ours, room;
		int error; /* not long: before 6.4 the upper half is not sign-extended */

		if (line) {
			bpf_spin_lock(&line->lock);
			ours = line->owner == number;
			room = ours && line->sessions < bound;
			if (room)
				line->sessions++;
			*sessions = line->sessions;
			bpf_spin_unlock(&line->lock);
			if (room)
				return RESERVED;
			if (ours)
				return AT_CAP;
			continue; /* swept between look-up and lock */
		}
		error = bpf_map_update_elem(&lines, &number, &fresh, BPF_NOEXIST);
		*sessions = 1;
		if (!error)
			return RESERVED;
		if (error == -E2BIG)
			return LINES_FULL;
		if (error != -EEXIST)
			return BUSY;
	}
	return BUSY;
}

static __always_inline void release(__u64 number)
{
	struct line *line = bpf_map_lookup_elem(&lines, &number);

	if (!line)
		return;
	bpf_spin_lock(&line->lock);
	if (line->owner == number && line->sessions)
		line->sessions--;
	bpf_spin_unlock(&line->lock);
}

#endif
