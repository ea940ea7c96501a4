/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source: Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD. */
#include "core/api/stats.h"

#define NAME_BYTES	48u
#define ID_OFF		(u32)sizeof(struct kvm_stats_header)
#define DESC_OFF	(ID_OFF + NAME_BYTES)
#define DESC_BYTES	(u32)(sizeof(struct kvm_stats_desc) + NAME_BYTES)

#define CUMULATIVE	(KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10)
#define INSTANT		(KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10)

struct stat_name {
	char name[NAME_BYTES];
	u32 flags;
};

/* KVM's own names, where KVM counts the same. The engine's come last. */
static const struct stat_name vcpu_names[] = {
	[STAT_EXITS] = { "exits", CUMULATIVE },
	[STAT_IO_EXITS] = { "io_exits", CUMULATIVE },
	[STAT_MMIO_EXITS] = { "mmio_exits", CUMULATIVE },
	[STAT_SIGNAL_EXITS] = { "signal_exits", CUMULATIVE },
	[STAT_WINDOW_EXITS] = { "irq_window_exits", CUMULATIVE },
	[STAT_HALTS] = { "halt_exits", CUMULATIVE },
	[STAT_WAKEUPS] = { "halt_wakeup", CUMULATIVE },
	[STAT_IRQS] = { "irq_injections", CUMULATIVE },
	[STAT_NMIS] = { "nmi_injections", CUMULATIVE },
	[STAT_REQUESTS] = { "req_event", CUMULATIVE },
	[STAT_HYPERCALLS] = { "hypercalls", CUMULATIVE },
	[STAT_COUNT] = { "insns", CUMULATIVE },
	{ "tlb_fills", CUMULATIVE },
};

static const struct stat_name vm_names[] = {
	{ "vcpus", INSTANT }, { "memory_slots", INSTANT },
};

static u32 file_put(u8 *file, const char *id, u32 id_len, u32 number,
		    const struct stat_name *names, const u64 *val, u32 n)
{
	struct kvm_stats_header h = { .name_size = NAME_BYTES, .num_desc = n, .id_offset = ID_OFF,
				      .desc_offset = DESC_OFF,
				      .data_offset = DESC_OFF + n * DESC_BYTES };
	char digits[12];
	u32 at = id_len, k = 0;

	memset(file, 0, h.data_offset);
	memcpy(file, &h, sizeof(h));
	memcpy(file + ID_OFF, id, at);
	do
		digits[k++] = '0' + number % 10;
	while (number /= 10);
	while (k)
		file[ID_OFF + at++] = digits[--k];
	for (u32 i = 0; i < n; i++) {
		struct kvm_stats_desc d = { .flags = names[i].flags, .size = 1,
					    .offset = i * sizeof(u64) };
		u8 *p = file + DESC_OFF + i * DESC_BYTES;

		memcpy(p, &d, sizeof(d));
		memcpy(p + sizeof(d), names[i].name, NAME_BYTES);
	}
	memcpy(file + h.data_offset, val, n * sizeof(u64));
	return h.data_offset + n * sizeof(u64);
}

u32 stats_vcpu(const struct vcpu *v, u8 *file)
{
	u64 val[ARRAY_SIZE(vcpu_names)] = { 0 };

	BUILD_BUG_ON(DESC_OFF + ARRAY_SIZE(vcpu_names) * (DESC_BYTES + 8) > STATS_BYTES_MAX);
	memcpy(val, v->stat, sizeof(v->stat));
	if (v->vm->engine->counters)
		v->vm->engine->counters(v, &val[STAT_COUNT], &val[STAT_COUNT + 1]);
	return file_put(file, "kvm-vcpu-", 9, v->id, vcpu_names, val, ARRAY_SIZE(val));
}

u32 stats_vm(const struct vm *vm, u8 *file)
{
	u64 val[ARRAY_SIZE(vm_names)] = {
		READ_ONCE(vm->n_vcpus), READ_ONCE(vm->slots.count),
	};

	return file_put(file, "kvm-", 4, 0, vm_names, val, ARRAY_SIZE(val));
}
