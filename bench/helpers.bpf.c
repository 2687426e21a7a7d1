// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * helpers.bpf.c: the bench's own programs, compiled when it runs.
 *
 *   empty  what any program costs in a test run
 *   fresh  makes each run of a test run a session of its own, then runs the program under test
 *   vary   gives each frame that a test run injects a source of its own
 *   sink   drops and counts what arrives
 */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define FIRST_PORT 1024
#define PORTS 60000
#define GOLDEN 0x9e3779b1u /* odd: n * GOLDEN walks through all of a power of two, far apart */

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

struct variation {
	__u32 runs;
	__u32 line_mask; /* which low bits of the line's address vary */
	struct frame frame;
	__u16 pad;
	__u32 ifindex; /* where `vary` sends its frames */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct variation);
} variation SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} arrived SEC(".maps");

SEC("tc")
int empty(struct __sk_buff *skb)
{
	return -1;
}

SEC("tc")
int fresh(struct __sk_buff *skb)
{
	struct frame *frame = (void *)(long)skb->data;
	__u32 zero = 0, run;
	struct variation *v = bpf_map_lookup_elem(&variation, &zero);

	if (!v || (void *)(frame + 1) > (void *)(long)skb->data_end)
		return 2;
	run = v->runs++;
	frame->tcp.source = bpf_htons(FIRST_PORT + run % PORTS);
	frame->ip.daddr = (frame->ip.daddr & bpf_htonl(0xffff0000)) | bpf_htonl(run / PORTS);
	if (v->line_mask)
		frame->ip.saddr = (frame->ip.saddr & bpf_htonl(~v->line_mask)) |
				  bpf_htonl(run * GOLDEN & v->line_mask);
	bpf_tail_call(skb, &under_test, 0);
	return 2;
}

/*
 * The kernel uses each frame again as the gateway has left it, so the headers are written anew. The source address's
 * lower half and the IP identification always add up to 0xffff: one checksum for all.
 */
SEC("xdp")
int vary(struct xdp_md *xdp)
{
	struct frame *frame = (void *)(long)xdp->data;
	__u32 zero = 0, run;
	struct variation *v = bpf_map_lookup_elem(&variation, &zero);

	if (!v || (void *)(frame + 1) > (void *)(long)xdp->data_end)
		return XDP_ABORTED;
	run = v->runs++ * GOLDEN & v->line_mask;
	__builtin_memcpy(frame, &v->frame, sizeof(*frame));
	frame->ip.saddr = (frame->ip.saddr & bpf_htonl(0xffff0000)) | bpf_htonl(run & 0xffff);
	frame->ip.id = bpf_htons(0xffff - (run & 0xffff));
	return v->ifindex ? bpf_redirect(v->ifindex, 0) : XDP_PASS;
}

SEC("xdp")
int sink(struct xdp_md *xdp)
{
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&arrived, &zero);

	if (count)
		++*count;
	return XDP_DROP;
}
