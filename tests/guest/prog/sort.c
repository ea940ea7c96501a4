/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sort.c - heap sort and quick sort of 20,000 numbers: compares, branches, calls. */
#include "prog.h"

const char prog_name[] = "sort";

#define N 20000
static u64 a[N];

static int less(u64 x, u64 y) { return x < y; }
static int more(u64 x, u64 y) { return x > y; }

static void quick(u64 *v, s64 lo, s64 hi, int (*cmp)(u64, u64))
{
	while (lo < hi) {
		u64 p = v[(lo + hi) / 2], t;
		s64 i = lo, j = hi;

		while (i <= j) {
			while (cmp(v[i], p))
				i++;
			while (cmp(p, v[j]))
				j--;
			if (i <= j) {
				t = v[i], v[i] = v[j], v[j] = t;
				i++, j--;
			}
		}
		if (j - lo < hi - i) {
			quick(v, lo, j, cmp);
			lo = i;
		} else {
			quick(v, i, hi, cmp);
			hi = j;
		}
	}
}

static void sift(u64 *v, u64 root, u64 n)
{
	u64 c, t;

	while ((c = 2 * root + 1) < n) {
		if (c + 1 < n && v[c] < v[c + 1])
			c++;
		if (v[root] >= v[c])
			return;
		t = v[root], v[root] = v[c], v[c] = t;
		root = c;
	}
}

static void heap(u64 *v, u64 n)
{
	u64 t;

	for (u64 i = n / 2; i-- > 0;)
		sift(v, i, n);
	while (n-- > 1) {
		t = v[0], v[0] = v[n], v[n] = t;
		sift(v, 0, n);
	}
}

void prog(u64 n)
{
	u64 seed = 7, h = 0;

	while (n--) {
		for (int i = 0; i < N; i++)
			a[i] = rnd(&seed) >> (i & 31);
		quick(a, 0, N - 1, less);
		for (int i = 0; i < N; i += 97)
			h = mix(h, a[i]);
		quick(a, 0, N - 1, more);
		h = mix(h, a[1]);
		heap(a, N);
		for (int i = 1; i < N; i++)
			h = mix(h, a[i] >= a[i - 1]);
	}
	put("hash", h);
}
