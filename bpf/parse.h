/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * parse.h: from a frame to the one question "is this TCP port 25, and whose?".
 *
 * Most packets leave at not_smtp(), which reads a plain frame in place. The others go
 * through parse(), which copies each header out with LOAD(), right for paged packets
 * too, and every read is checked. What cannot be judged is said to be so, never guessed.
 */
#ifndef SEKISHO_PARSE_H
#define SEKISHO_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "gate.h"

#define MAX_TAGS 6       /* VLAN, PPPoE and MPLS headers together */
#define MAX_EXTENSIONS 8 /* IPv6 extension headers */

#define ETHERTYPE_QINQ_OLD 0x9100
#define ETHERTYPE_SLOW 0x8809 /* LACP */
#define ETHERTYPE_EAPOL 0x888e
#define ETHERTYPE_LLDP 0x88cc
#define PPP_IPV4 0x0021
#define PPP_IPV6 0x0057
#define PPP_CONTROL 0x8000 /* network and link control protocols (RFC 1661 §2) */

#define IP_MORE_FRAGMENTS 0x2000
#define IP_OFFSET 0x1fff
#define IP6_MORE_FRAGMENTS 0x0001
#define IP6_OFFSET 0xfff8

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_JUDGED (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)

struct ports {
	__be16 source, destination;
};

/*
 * The directions an interface carries. Lines write to servers of other lines, too: on the
 * lines' side answers are taken from lines alone, or a line could play its own servers.
 */
enum role {
	TO_SERVERS = 1 << 0,
	TO_LINES = 1 << 1,
	FROM_LINES_ONLY = 1 << 2,
	SUBSCRIBER = TO_SERVERS | TO_LINES | FROM_LINES_ONLY,
	UPLINK = TO_LINES,
	STEERED = TO_SERVERS | TO_LINES,
};

enum parsed {
	OTHER,       /* not ours: on with it */
	SMTP_OUT,    /* from a line to port 25 */
	SMTP_IN,     /* from port 25 to a line */
	UNJUDGEABLE, /* TCP whose port, flags or length cannot be relied on */
	UNREADABLE,  /* an EtherType that cannot be read */
};

struct packet {
	__u8 source[16];
	__u8 destination[16];
	__u16 source_port;
	__u16 destination_port;
	__u32 seq;
	__u32 ack;
	__u32 payload; /* bytes of TCP data */
	__u32 length;  /* bytes of the IP packet */
	__u32 network; /* offset of the IP header */
	__u32 transport;
	__u8 flags;     /* TCP_JUDGED ones */
	__u8 ipv6;
	__u8 detour;    /* source route possible: the destination may not be the last */
	__u8 queueable; /* netfilter will see it as IP */
};

/*
 * Copy what *to points at from an offset of the packet: in place where it lies in the
 * linear part, else by the helper. Not 0: the packet ends before. The offset is bounded
 * for the verifier, and copied by type, since a memcpy() of unknown alignment would go
 * byte by byte.
 */
#define LINEAR_OFFSET 1024
#define LOAD(skb, offset, to)                                                              \
	({                                                                                 \
		void *end_ = (void *)(long)(skb)->data_end;                                \
		void *at_ = (void *)(long)(skb)->data;                                     \
		__u32 offset_ = (offset);                                                  \
		long missing_ = 0;                                                         \
                                                                                           \
		if (offset_ < LINEAR_OFFSET && at_ + offset_ + sizeof(*(to)) <= end_)      \
			*(to) = *(typeof(to))(at_ + offset_);                              \
		else                                                                       \
			missing_ = bpf_skb_load_bytes((skb), offset_, (to), sizeof(*(to))); \
		missing_;                                                                  \
	})

static __always_inline bool is_smtp(int role, __be16 source, __be16 destination)
{
	if ((role & TO_SERVERS) && destination == bpf_htons(SMTP_PORT))
		return true;
	return (role & TO_LINES) && source == bpf_htons(SMTP_PORT);
}

/* True for a plain frame that surely is not port 25; false means "look closer". */
static __always_inline bool not_smtp(struct __sk_buff *skb, int role, bool ethernet)
{
	void *end = (void *)(long)skb->data_end;
	void *cursor = (void *)(long)skb->data;
	__be16 protocol = skb->protocol;
	struct ports *ports;

	if (ethernet) {
		struct ethhdr *eth = cursor;

		if ((void *)(eth + 1) > end)
			return false;
		protocol = eth->h_proto;
		cursor = eth + 1;
	}
	if (protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = cursor;

		if ((void *)(ip + 1) > end || ip->version != 4)
			return false;
		if (ip->protocol != IPPROTO_TCP)
			return true;
		if (ip->ihl != 5 || (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_OFFSET)))
			return false;
		ports = (void *)(ip + 1);
	} else if (protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = cursor;

		if ((void *)(ip6 + 1) > end || ip6->version != 6)
			return false;
		if (ip6->nexthdr == IPPROTO_UDP || ip6->nexthdr == IPPROTO_ICMPV6)
			return true;
		if (ip6->nexthdr != IPPROTO_TCP)
			return false;
		ports = (void *)(ip6 + 1);
	} else {
		return false;
	}
	if ((void *)(ports + 1) > end)
		return false;
	return !is_smtp(role, ports->source, ports->destination);
}

static __always_inline bool harmless_ethertype(__u16 type)
{
	return type == ETH_P_ARP || type == ETH_P_PPP_DISC || type == ETHERTYPE_SLOW ||
	       type == ETHERTYPE_EAPOL || type == ETHERTYPE_LLDP;
}

/* Walk link headers. Returns the EtherType below them (0: OTHER is known already, with *result set). */
static __always_inline __u16 parse_link(struct __sk_buff *skb, bool ethernet, __u32 *offset,
					struct packet *p, enum parsed *result)
{
	__u16 type = bpf_ntohs(skb->protocol);
	__u32 tags = skb->vlan_present ? 1 : 0;

	*offset = 0;
	p->queueable = 1;
	*result = UNREADABLE;
	if (ethernet) {
		__be16 protocol;

		if (LOAD(skb, offsetof(struct ethhdr, h_proto), &protocol))
			return 0;
		type = bpf_ntohs(protocol);
		*offset = ETH_HLEN;
	}
	for (int i = 0; i < MAX_TAGS; i++) {
		if (type == ETH_P_IP || type == ETH_P_IPV6) {
			/* br_netfilter looks below one VLAN tag or one PPPoE header, no further. */
			if (tags > 1)
				p->queueable = 0;
			return type;
		}
		if (type == ETH_P_8021Q || type == ETH_P_8021AD || type == ETHERTYPE_QINQ_OLD) {
			__be16 next;

			if (LOAD(skb, *offset + 2, &next))
				return 0;
			type = bpf_ntohs(next);
			*offset += 4;
			tags++;
		} else if (type == ETH_P_PPP_SES) {
			__be16 wire;
			__u16 ppp;

			if (LOAD(skb, *offset + 6, &wire))
				return 0;
			ppp = bpf_ntohs(wire);
			*offset += 8;
			tags++;
			if (ppp & 0x0100) { /* one byte (RFC 1661 §6.5), which Linux takes unasked */
				ppp >>= 8;
				*offset -= 1;
				p->queueable = 0;
			}
			if (ppp == PPP_IPV4) {
				type = ETH_P_IP;
			} else if (ppp == PPP_IPV6) {
				type = ETH_P_IPV6;
			} else {
				if (ppp & PPP_CONTROL)
					*result = OTHER;
				return 0;
			}
		} else if (type == ETH_P_MPLS_UC || type == ETH_P_MPLS_MC) {
			__u8 label[5]; /* and the first byte below it */

			if (bpf_skb_load_bytes(skb, *offset, label, sizeof(label)))
				return 0;
			*offset += 4;
			p->queueable = 0;
			if (label[2] & 1) /* bottom of stack (RFC 3032 §2.1) */
				type = label[4] >> 4 == 4   ? ETH_P_IP
				       : label[4] >> 4 == 6 ? ETH_P_IPV6
							    : 0;
		} else {
			if (harmless_ethertype(type))
				*result = OTHER;
			return 0;
		}
	}
	return 0;
}

/* Which way a packet with these ports goes here, if any. */
static __always_inline enum parsed direction(const struct packet *p, int role)
{
	if ((role & TO_SERVERS) && p->destination_port == SMTP_PORT)
		return SMTP_OUT;
	if ((role & TO_LINES) && p->source_port == SMTP_PORT)
		return SMTP_IN;
	return OTHER;
}

static __always_inline enum parsed parse_tcp(struct __sk_buff *skb, int role, struct packet *p,
					     __u32 available, bool fragment)
{
	struct ports ports;
	struct tcphdr tcp;
	enum parsed way;
	__u32 header;
	__u8 bits[2];

	if (available < sizeof(ports) || LOAD(skb, p->transport, &ports))
		return UNJUDGEABLE;
	p->source_port = bpf_ntohs(ports.source);
	p->destination_port = bpf_ntohs(ports.destination);
	way = direction(p, role);
	if (available < sizeof(tcp)) /* a short first fragment hides its flags (RFC 1858 §3) */
		return way == OTHER && !fragment ? OTHER : UNJUDGEABLE;
	if (way == OTHER)
		return OTHER;
	if (fragment || LOAD(skb, p->transport, &tcp))
		return UNJUDGEABLE;
	__builtin_memcpy(bits, (__u8 *)&tcp + 12, 2);
	header = (bits[0] >> 4) * 4;
	if (header < sizeof(tcp) || header > available)
		return UNJUDGEABLE;
	p->seq = bpf_ntohl(tcp.seq);
	p->ack = bpf_ntohl(tcp.ack_seq);
	p->flags = bits[1] & TCP_JUDGED;
	p->payload = available - header;
	switch (p->flags) {
	case TCP_SYN:
	case TCP_SYN | TCP_ACK:
	case TCP_RST:
	case TCP_RST | TCP_ACK:
	case TCP_ACK:
	case TCP_FIN | TCP_ACK:
		return way;
	default:
		return UNJUDGEABLE;
	}
}

static __always_inline enum parsed parse_ipv4(struct __sk_buff *skb, int role, struct packet *p)
{
	static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};
	__u32 header, total, fragment;
	__u8 first;
	struct iphdr ip;

	if (LOAD(skb, p->network, &ip))
		return OTHER; /* no host takes half an IP header */
	if (ip.protocol != IPPROTO_TCP)
		return OTHER;
	__builtin_memcpy(p->source, mapped, 12);
	__builtin_memcpy(p->source + 12, &ip.saddr, 4);
	__builtin_memcpy(p->destination, mapped, 12);
	__builtin_memcpy(p->destination + 12, &ip.daddr, 4);
	__builtin_memcpy(&first, &ip, 1);
	header = (first & 15) * 4;
	total = bpf_ntohs(ip.tot_len);
	if (!total && skb->gso_size) /* BIG TCP */
		total = skb->len - p->network;
	p->length = total;
	if (first >> 4 != 4 || header < sizeof(ip) || total < header || p->network + total > skb->len)
		return UNJUDGEABLE;
	p->detour = header > sizeof(ip);
	p->transport = p->network + header;
	fragment = bpf_ntohs(ip.frag_off) & (IP_MORE_FRAGMENTS | IP_OFFSET);
	if (fragment & IP_OFFSET) /* offset 1 could rewrite the flags; others hold no header */
		return (fragment & IP_OFFSET) == 1 ? UNJUDGEABLE : OTHER;
	return parse_tcp(skb, role, p, total - header, fragment);
}

static __always_inline bool is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING ||
	       next == IPPROTO_AH || next == IPPROTO_FRAGMENT || next == IPPROTO_MH || next == 139 ||
	       next == 140; /* HIP, Shim6 (RFC 7045 §4) */
}

static __always_inline enum parsed parse_ipv6(struct __sk_buff *skb, int role, struct packet *p)
{
	struct ipv6hdr ip6;
	__u32 end;
	__u8 version, next;

	if (LOAD(skb, p->network, &ip6))
		return OTHER;
	__builtin_memcpy(p->source, &ip6.saddr, 16);
	__builtin_memcpy(p->destination, &ip6.daddr, 16);
	__builtin_memcpy(&version, &ip6, 1);
	next = ip6.nexthdr;
	p->transport = p->network + sizeof(ip6);
	end = p->transport + bpf_ntohs(ip6.payload_len);
	if (!ip6.payload_len && skb->gso_size) /* BIG TCP */
		end = skb->len;
	p->length = end - p->network;
	for (int i = 0; i <= MAX_EXTENSIONS; i++) {
		__u8 extension[8];

		if (next == IPPROTO_TCP) {
			if (version >> 4 != 6 || end > skb->len || p->transport > end)
				return UNJUDGEABLE;
			return parse_tcp(skb, role, p, end - p->transport, false);
		}
		if (!is_extension(next))
			return OTHER;
		if (bpf_skb_load_bytes(skb, p->transport, extension, sizeof(extension)))
			return UNJUDGEABLE;
		if (next == IPPROTO_FRAGMENT) {
			__u16 fragment = extension[2] << 8 | extension[3];

			next = extension[0];
			p->transport += 8;
			if (!(fragment & (IP6_OFFSET | IP6_MORE_FRAGMENTS)))
				continue; /* atomic (RFC 6946) */
			if (is_extension(next)) /* an overlap could move the TCP header */
				return UNJUDGEABLE;
			if (next != IPPROTO_TCP)
				return OTHER;
			if (fragment & IP6_OFFSET)
				return (fragment & IP6_OFFSET) == 8 ? UNJUDGEABLE : OTHER;
			if (p->transport > end)
				return UNJUDGEABLE;
			return parse_tcp(skb, role, p, end - p->transport, true);
		}
		if (next == IPPROTO_ROUTING && extension[3])
			p->detour = 1; /* segments left */
		p->transport += next == IPPROTO_AH ? (extension[1] + 2) * 4 : (extension[1] + 1) * 8;
		next = extension[0];
	}
	return UNJUDGEABLE;
}

/*
 * Fill *p as far as the packet can be read; addresses are set for SMTP_* and UNJUDGEABLE.
 *
 * A global function: the verifier takes it by itself and then forgets by which way a
 * packet was read, where it would else judge every way through parsing anew.
 */
__noinline int parse(struct __sk_buff *skb, int role, bool ethernet, struct packet *p)
{
	enum parsed result;
	__u16 type;

	if (!p)
		return OTHER;
	type = parse_link(skb, ethernet, &p->network, p, &result);
	if (!type)
		return result;
	p->ipv6 = type == ETH_P_IPV6;
	return p->ipv6 ? parse_ipv6(skb, role, p) : parse_ipv4(skb, role, p);
}

#endif
