/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * peak.h: the most sessions that each line has had at once, kept until user space turns the sides,
 * which it does each hour: then folded into sums and forgotten.
 *
 * Of each line that met its cap the moment is kept too, for a day.
 *
 * Packets write to one side. After a turn nobody writes to the other one, so that the fold, which
 * takes it down line by line, loses nothing and needs no lock.
 */
#ifndef SEKISHO_PEAK_H
#define SEKISHO_PEAK_H

#include <linux/errno.h>
#include "line.h"

#define FOLDED_AT_ONCE 4096 /* some 2 ms, in which no packet passes on this processor */

static __always_inline __u32 log2_of(__u64 n)
{
	__u32 bits = 0;

	for (int shift = 32; shift; shift >>= 1) {
		if (n >> shift) {
			n >>= shift;
			bits += shift;
		}
	}
	return bits;
}

static __always_inline __u32 concurrency_bucket(__u32 sessions)
{
	__u32 bucket = sessions <= 16 ? sessions - 1 : 16 + log2_of((sessions - 1) >> 4);

	return bucket < CONCURRENCY_BUCKETS ? bucket : CONCURRENCY_BUCKETS - 1;
}

static __always_inline bool writes_odd(void)
{
	__u32 zero = 0;
	struct peak_sides *sides = bpf_map_lookup_elem(&peak_sides, &zero);

	return sides && *(volatile __u32 *)&sides->odd;
}

static __always_inline void raise_peak(struct peak *peak, const struct peak *seen)
{
	/* Most sessions raise nothing, and a class or arm that has changed waits for the next peak. */
	if (*(volatile __u32 *)&peak->sessions >= seen->sessions &&
	    *(volatile __u8 *)&peak->met_cap >= seen->met_cap)
		return;
	bpf_spin_lock(&peak->lock);
	if (peak->sessions < seen->sessions)
		peak->sessions = seen->sessions;
	peak->met_cap |= seen->met_cap;
	peak->class = seen->class;
	peak->arm = seen->arm;
	bpf_spin_unlock(&peak->lock);
}

static __always_inline void note_peak_in(void *side, const __u64 *line, const struct peak *seen)
{
	struct peak *peak = bpf_map_lookup_elem(side, line);
	int error; /* as in reserve() */

	if (!peak) {
		error = bpf_map_update_elem(side, line, seen, BPF_NOEXIST);
		if (!error)
			return;
		peak = bpf_map_lookup_elem(side, line); /* where another packet of it was first */
	}
	if (peak)
		raise_peak(peak, seen);
	else
		COUNT_TOTAL(peaks_full);
}

/* A line has so many sessions now; met_cap: and one more was refused for its cap. */
static __noinline int note_peak(const struct subject *subject, __u32 sessions, bool met_cap)
{
	struct peak seen = {
		.sessions = sessions, .class = subject->class, .arm = subject->arm, .met_cap = met_cap};
	__u64 line = subject->line;

	if (writes_odd())
		note_peak_in(&peaks_odd, &line, &seen);
	else
		note_peak_in(&peaks_even, &line, &seen);
	return 0;
}

/*
 * What is open at the turn counts for the time after it too: with its class, since whether the line
 * begins another session in an arm of few is not known yet.
 */
static __always_inline void carry_over(const __u64 *number, const struct peak *peak)
{
	struct subject subject = {.line = *number,
				  .class = peak->class,
				  .arm = peak->arm == OWN_LIMIT_ARM ? OWN_LIMIT_ARM : 0};
	struct line *line = bpf_map_lookup_elem(&lines, number);
	__u32 sessions = line ? *(volatile __u32 *)&line->sessions : 0;

	if (sessions)
		note_peak(&subject, sessions, false);
}

static __always_inline struct fold_state *state_of_fold(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&fold_state, &zero);
}

static long fold_peak(void *side, const __u64 *number, struct peak *peak, void *context)
{
	struct fold_state *state = state_of_fold();
	__u32 index = peak->class * MAX_ARMS + peak->arm;
	struct folded_peaks *sums = bpf_map_lookup_elem(&folded_peaks, &index);

	if (sums && peak->sessions) { /* 0: a line whose cap is 0, which cannot but meet it */
		__u32 bucket = concurrency_bucket(peak->sessions);

		if (bucket < CONCURRENCY_BUCKETS)
			sums->lines[bucket]++;
		sums->met_cap += peak->met_cap;
	}
	carry_over(number, peak);
	bpf_map_delete_elem(side, number);
	return !state || ++state->lines >= FOLDED_AT_ONCE;
}

/* Two functions, since 6.1 takes one map alone at each call, and clang would make one call of two. */
static __noinline long fold_even(void)
{
	return bpf_for_each_map_elem(&peaks_even, fold_peak, NULL, 0);
}

static __noinline long fold_odd(void)
{
	return bpf_for_each_map_elem(&peaks_odd, fold_peak, NULL, 0);
}

/* The line's cap was met. Where that cannot be written nothing but an answer is lost. */
static __always_inline void note_met_cap(__u64 line, __u64 now)
{
	bpf_map_update_elem(&met_cap, &line, &now, BPF_ANY);
}

static long forget_met_cap(void *map, const __u64 *number, __u64 *at, __u64 *now)
{
	if (*now - *at >= MET_CAP_KEPT_NS)
		bpf_map_delete_elem(map, number);
	return 0;
}

#endif
