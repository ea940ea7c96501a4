/* SPDX-License-Identifier: GPL-2.0-or-later */
/* float.c - SSE2 and x87 arithmetic, bit for bit. */
#include "prog.h"

const char prog_name[] = "float";

static u64 bits_of(double d)
{
	u64 v;

	memcpy(&v, &d, 8);
	return v;
}

static double root(double x)
{
	__asm__("sqrtsd %0, %0" : "+x"(x));
	return x;
}

static u64 bodies(int steps)
{
	double p[3][3] = { { 0, 0, 0 }, { 5.2, -1.1, .3 }, { -9.7, 3.3, -.2 } };
	double v[3][3] = { { 0, 0, 0 }, { .4, 1.8, -.01 }, { .2, -.9, .02 } };
	static const double m[3] = { 39.4, .037, .011 };
	u64 h = 0;

	while (steps--) {
		for (int i = 0; i < 3; i++)
			for (int j = 0; j < 3; j++) {
				double d[3], r2 = 1e-9, f;

				if (i == j)
					continue;
				for (int k = 0; k < 3; k++) {
					d[k] = p[j][k] - p[i][k];
					r2 += d[k] * d[k];
				}
				f = m[j] / (r2 * root(r2));
				for (int k = 0; k < 3; k++)
					v[i][k] += d[k] * f * .001;
			}
		for (int i = 0; i < 9; i++)
			p[i / 3][i % 3] += v[i / 3][i % 3] * .001;
	}
	for (int i = 0; i < 9; i++)
		h = mix(h, bits_of(p[i / 3][i % 3]));
	return h;
}

static u64 x87(int steps)
{
	long double x = .3L, s = 0;
	u64 h = 0, m[2] = { 0, 0 };

	while (steps--) {
		long double t = x;

		__asm__("fsin" : "+t"(t));
		s += t / (x + 1);
		__asm__("fyl2x" : "+t"(t) : "u"(1.0L) : "st(1)");
		x = x * 1.37L + .01L;
		if (x > 50)
			x -= 49.5L;
		h = mix(h, (u64)(s * 1000000));
	}
	memcpy(m, &s, 10);
	return mix(mix(h, m[0]), m[1]);
}

static u64 convert(int steps)
{
	u64 seed = 3, h = 0;

	while (steps--) {
		s64 a = rnd(&seed);
		double d = (double)a / 3.0;
		float f = (float)d;

		h = mix(h, (u64)(s64)d) + (u64)(int)(f * 1e-12f);
		h = mix(h, bits_of((double)f) + (d < (double)f));
	}
	return h;
}

void prog(u64 n)
{
	u64 h[3] = { 0 };

	while (n--) {
		h[0] = mix(h[0], bodies(300));
		h[1] = mix(h[1], x87(300));
		h[2] = mix(h[2], convert(3000));
	}
	put("sse2", h[0]);
	put("x87", h[1]);
	put("convert", h[2]);
}
