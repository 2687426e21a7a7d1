/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * maps.h: what the program remembers, and the clock. Sizes of addresses, known, lines, peaks
 * and slots are set by the loader; the numbers here are only defaults.
 */
#ifndef SEKISHO_MAPS_H
#define SEKISHO_MAPS_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "gate.h"

#define NANOSECONDS_PER_MS 1000000ull
#define MET_CAP_KEPT_NS (24 * 3600 * 1000 * NANOSECONDS_PER_MS)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 18);
	__type(key, struct address_key);
	__type(value, __u64);
} addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 18);
	__type(key, __u64);
	__type(value, struct known);
} known SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, __u32);
	__type(value, struct port_plan);
} shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, struct prefix_key);
	__type(value, struct pool);
} pools SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
	__type(key, struct prefix_key);
	__type(value, __u8);
} exempt SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_LIMITS);
	__type(key, __u32);
	__type(value, struct limit);
} limits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct control);
} control SEC(".maps");

/* For user space alone: which class an index means, so that a restart keeps it. */
struct class_name {
	char name[CLASS_NAME_SIZE];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_CLASSES);
	__type(key, __u32);
	__type(value, struct class_name);
} class_names SEC(".maps");

/* Preallocated: a bpf_spin_lock forbids LRU, and an eviction would run no program. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 17);
	__type(key, __u64);
	__type(value, struct line);
} lines SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 18);
	__type(key, struct slot_key);
	__type(value, struct slot);
} slots SEC(".maps");

/* Not preallocated: between folds there may be many more lines than at any moment, or hardly one. */
struct peaks {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 18);
	__type(key, __u64);
	__type(value, struct peak);
};
struct peaks peaks_even SEC(".maps"), peaks_odd SEC(".maps");

/* When a line last met its cap, for a day at most: for whoever asks about that line with a reason. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, __u64);
	__type(value, __u64);
} met_cap SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct peak_sides);
} peak_sides SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fold_state);
} fold_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_CLASSES * MAX_ARMS);
	__type(key, __u32);
	__type(value, struct folded_peaks);
} folded_peaks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_CLASSES * MAX_ARMS);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct totals);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sweep);
} swept SEC(".maps");

/* In a section of its own, where the loader of the tests finds it without debug information. */
const volatile bool test_clock SEC(".rodata.clock") = false;

static __always_inline __u64 now_ns(const struct control *settings)
{
	return test_clock ? settings->test_clock : bpf_ktime_get_ns();
}

static __always_inline struct control *settings_of_gate(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control, &zero);
}

static __always_inline struct counters *counters_of(__u16 class, __u8 arm)
{
	__u32 index = class * MAX_ARMS + arm;

	return bpf_map_lookup_elem(&counters, &index);
}

static __always_inline struct totals *totals_of_gate(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&totals, &zero);
}

/* Per-CPU, and no program interrupts another on its CPU here: no atomics needed. */
#define COUNT(class, arm, field)                                         \
	do {                                                             \
		struct counters *counted = counters_of((class), (arm));  \
		if (counted)                                             \
			counted->field++;                                \
	} while (0)

#define COUNT_TOTAL(field)                                               \
	do {                                                             \
		struct totals *counted = totals_of_gate();               \
		if (counted)                                             \
			counted->field++;                                \
	} while (0)

/* One load, so that a concurrent write of the limit is seen whole or not at all. */
static __always_inline struct limit limit_at(__u16 index)
{
	union {
		__u64 word;
		struct limit limit;
	} read = {0};
	__u32 key = index;
	__u64 *value = bpf_map_lookup_elem(&limits, &key);

	if (value)
		read.word = *(volatile __u64 *)value;
	return read.limit;
}

#endif
