/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tiny.c - a guest that is up in milliseconds and does what the first word of
 * its command line says: poweroff, crash, reset, kbd-reset, fast-reset, halt,
 * spin, a number to write to the debug exit; else it echoes.
 */
#include "prog.h"

#define COM1		0x3f8
#define PM_CONTROL	0x604
#define SLEEP_S5	(1 << 13 | 5 << 10)

static void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static void outw(u16 port, u16 v) { __asm__ volatile("outw %0, %1" :: "a"(v), "Nd"(port)); }
static void outl(u16 port, u32 v) { __asm__ volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }
static u8 inb(u16 port)
{
	u8 v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void put_text(const char *s)
{
	for (; *s; s++) {
		while (!(inb(COM1 + 5) & 0x20))
			;
		outb(COM1, *s);
	}
}

static int word_is(const char *s, const char *word)
{
	while (*word && *s == *word) {
		s++;
		word++;
	}
	return !*word && (!*s || *s == ' ');
}

/* Each byte comes back in angle brackets; q powers off. */
static void echo(void)
{
	char out[] = "<x>";

	for (;;) {
		while (!(inb(COM1 + 5) & 1))
			;
		out[1] = inb(COM1);
		put_text(out);
		if (out[1] == 'q')
			outw(PM_CONTROL, SLEEP_S5);
	}
}

/* An interrupt without a descriptor table: a triple fault. */
static void crash(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) none = { 0, 0 };

	__asm__ volatile("lidt %0; int3" :: "m"(none));
}

void guest_main(const u8 *start_info);
void guest_main(const u8 *start_info)
{
	const char *s = (const char *)*(const u64 *)(start_info + 24);
	u32 n = 0;
	int digits = 0;

	put_text("tiny: ready\n");
	if (!s)
		echo();
	else if (word_is(s, "poweroff"))
		outw(PM_CONTROL, SLEEP_S5);
	else if (word_is(s, "crash"))
		crash();
	else if (word_is(s, "reset"))
		outb(0xcf9, 6);
	else if (word_is(s, "kbd-reset"))
		outb(0x64, 0xfe);
	else if (word_is(s, "fast-reset"))
		outb(0x92, 1);
	else if (word_is(s, "spin"))
		for (;;)
			;
	for (; *s >= '0' && *s <= '9'; s++, digits++)
		n = n * 10 + (*s - '0');
	if (digits)
		outl(0xf4, n);
	else if (!word_is(s, "halt"))
		echo();
	__asm__ volatile("cli; hlt");
}
