/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * reset.h: turn a refused SYN into the RST that answers it (RFC 9293 §3.10.7.1), in place.
 *
 * Length, options and data stay as they are: a RST may carry them, and nothing in front
 * (PPPoE, VLAN, IP) needs a new length. Swapping addresses and ports leaves the checksum
 * as it was, so only the changed words of the TCP header are accounted for.
 */
#ifndef SEKISHO_RESET_H
#define SEKISHO_RESET_H

#include "parse.h"

#define TCP_WORDS 5

static __always_inline long swap_ends(struct __sk_buff *skb, const struct packet *p, bool ethernet)
{
	__u32 source = p->network + (p->ipv6 ? offsetof(struct ipv6hdr, saddr) : offsetof(struct iphdr, saddr));
	__u32 size = p->ipv6 ? 16 : 4;
	__u8 mac[12], swapped[12];
	long error;

	if (p->ipv6) {
		error = bpf_skb_store_bytes(skb, source, p->destination, 16, 0);
		error = error ?: bpf_skb_store_bytes(skb, source + size, p->source, 16, 0);
	} else {
		error = bpf_skb_store_bytes(skb, source, p->destination + 12, 4, 0);
		error = error ?: bpf_skb_store_bytes(skb, source + size, p->source + 12, 4, 0);
	}
	if (error || !ethernet)
		return error;
	error = bpf_skb_load_bytes(skb, 0, mac, sizeof(mac));
	if (error)
		return error;
	__builtin_memcpy(swapped, mac + 6, 6);
	__builtin_memcpy(swapped + 6, mac, 6);
	return bpf_skb_store_bytes(skb, 0, swapped, sizeof(swapped), 0);
}

static __always_inline long make_reset(struct __sk_buff *skb, const struct packet *p, bool ethernet)
{
	__be32 before[TCP_WORDS], now[TCP_WORDS];
	__u32 check = p->transport + offsetof(struct tcphdr, check);
	__s64 difference;
	long error;

	error = bpf_skb_load_bytes(skb, p->transport, before, sizeof(before));
	if (error)
		return error;
	now[0] = before[0] << 16 | before[0] >> 16; /* the ports, whatever the byte order */
	now[1] = 0;
	now[2] = bpf_htonl(p->seq + 1 + p->payload);
	now[3] = (before[3] & bpf_htonl(0xf0000000)) | bpf_htonl((TCP_RST | TCP_ACK) << 16);
	now[4] = before[4]; /* checksum (mended below), urgent pointer */
	difference = bpf_csum_diff(before, sizeof(before), now, sizeof(now), 0);
	error = bpf_skb_store_bytes(skb, p->transport, now, sizeof(now), 0);
	error = error ?: bpf_l4_csum_replace(skb, check, 0, difference, 0);
	return error ?: swap_ends(skb, p, ethernet);
}

#endif
