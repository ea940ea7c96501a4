// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * reject.c - does the processor reject what the decoder rejects? Prints, by
 * opcode, what raised no #UD; extensions that the decoder leaves out on
 * purpose (AVX, CET, key locker, ...) show up there.
 */
#include "tests/diff/gen.h"

static u64 counts[5][256][4][8];
static u8 example[5][256][4][8][16];

static unsigned int random_bytes(u8 *p, u8 *map, u8 *opcode, u8 *pfx, u8 *modrm)
{
	static const u8 prefixes[] = { 0, 0x66, 0xf3, 0xf2 };
	unsigned int n = 0, i;
	u64 r;

	*pfx = rnd_below(4);
	*map = 1 + rnd_below(4);
	if (one_in(3))
		p[n++] = 0xf0;
	if (*pfx)
		p[n++] = prefixes[*pfx];
	if (diff_bits == 64 && one_in(3))
		p[n++] = 0x40 | (rnd() & 15);
	if (*map >= 2)
		p[n++] = 0x0f;
	if (*map >= 3)
		p[n++] = *map == 3 ? 0x38 : 0x3a;
	p[n++] = *opcode = rnd();
	p[n++] = *modrm = rnd();
	for (i = 0; i < 4; i++) {
		r = rnd();
		p[n++] = r;
	}
	return n;
}

static bool interesting(const u8 *code, unsigned int n, unsigned int map, unsigned int opcode)
{
	struct x86_insn in;

	if (map == 1 && (opcode == 0x0f || opcode == 0xc4 || opcode == 0xc5 || opcode == 0x62 ||
			 opcode == 0xf0 || opcode == 0x66 || opcode == 0x67 ||
			 (diff_bits == 64 && (opcode & 0xf0) == 0x40) || (opcode & 0xe7) == 0x26 ||
			 (opcode & 0xfe) == 0x64 || (opcode & 0xfe) == 0xf2))
		return false;
	if (map == 2 && (opcode == 0x38 || opcode == 0x3a))
		return false;
	/* Longer than any instruction: a missing byte is not the reason. */
	return x86_decode(&in, diff_mode(), code, 15) == -EINVAL;
}

static void print_counts(void)
{
	static const char *const maps[] = { "", "", "0f", "0f38", "0f3a" };
	static const char *const pfx[] = { "", "66", "f3", "f2" };
	unsigned int m, o, p, r, i;

	for (m = 1; m < 5; m++)
		for (o = 0; o < 256; o++)
			for (p = 0; p < 4; p++)
				for (r = 0; r < 8; r++) {
					if (!counts[m][o][p][r])
						continue;
					printf("%-4s %-4s %02x /%u %8llu:", pfx[p], maps[m], o, r,
					       (unsigned long long)counts[m][o][p][r]);
					for (i = 0; i < 12; i++)
						printf(" %02x", example[m][o][p][r][i]);
					printf("\n");
				}
}

void reject_run(u64 count)
{
	static struct state in, out;
	struct block b = { .n = 1 };
	u8 map, opcode, pfx, modrm;
	u64 i, done = 0;

	for (i = 0; i < count; i++) {
		memset(b.code, 0x90, 16);
		random_bytes(b.code, &map, &opcode, &pfx, &modrm);
		b.len = 15;
		if (!interesting(b.code, b.len, map, opcode))
			continue;
		rnd_state(&in);
		native_run(&b, &in, &out);
		done++;
		if (out.vector == X86_UD && out.rip == START_IP)
			continue;
		counts[map][opcode][pfx][modrm >> 3 & 7]++;
		memcpy(example[map][opcode][pfx][modrm >> 3 & 7], b.code, 15);
		example[map][opcode][pfx][modrm >> 3 & 7][15] = out.vector;
	}
	print_counts();
	printf("%llu rejected encodings run\n", (unsigned long long)done);
}
