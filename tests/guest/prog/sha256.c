/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sha256.c - FIPS 180-4 SHA-256 of 64 KiB: rotates, adds, loads. */
#include "prog.h"

const char prog_name[] = "sha256";

static u32 k[64];
static u8 data[65536];

static u32 ror(u32 v, int n) { return v >> n | v << (32 - n); }

/* First 32 bits of the fractional part of the n-th root of p, by bisection. */
static u32 root_bits(u32 p, int cube)
{
	u64 lo = 0, hi = 0x2000000000ull;	/* root in 32.32, below 32 */

	while (hi - lo > 1) {
		u64 mid = lo + (hi - lo) / 2;
		unsigned __int128 sq = (unsigned __int128)mid * mid;
		int below = cube ? sq * mid < ((unsigned __int128)p << 96) :
				   sq < ((unsigned __int128)p << 64);

		if (below)
			lo = mid;
		else
			hi = mid;
	}
	return (u32)lo;
}

static void block(u32 h[8], const u8 *p)
{
	u32 w[64], v[8], t1, t2;
	int i;

	for (i = 0; i < 16; i++)
		w[i] = (u32)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
	for (; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10);
	for (i = 0; i < 8; i++)
		v[i] = h[i];
	for (i = 0; i < 64; i++) {
		t1 = v[7] + (ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25)) +
		     ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
		t2 = (ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22)) +
		     ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = v[3] + t1;
		v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = t1 + t2;
	}
	for (i = 0; i < 8; i++)
		h[i] += v[i];
}

void prog(u64 n)
{
	u32 h[8], p = 2, found = 0;
	u64 seed = 1;

	for (; found < 64; p++) {
		u32 d = 2;

		while (d * d <= p && p % d)
			d++;
		if (d * d <= p)
			continue;
		k[found] = root_bits(p, 1);
		if (found < 8)
			h[found] = root_bits(p, 0);
		found++;
	}
	put("k0", k[0]);
	put("h7", h[7]);
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = rnd(&seed);
	while (n--)
		for (u32 i = 0; i < sizeof(data); i += 64)
			block(h, data + i);
	for (int i = 0; i < 8; i++)
		put("h", h[i]);
}
