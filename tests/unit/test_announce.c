// SPDX-License-Identifier: GPL-2.0-or-later
/* What of a guest's frames the address translator gets to see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "vmm/net/net.h"
#include <cmocka.h>

static u8 frame[64];

static void ipv4(u8 flags, u8 offset)
{
	memset(frame, 0, sizeof(frame));
	frame[12] = 8;
	frame[14] = 0x45;
	frame[20] = flags;
	frame[21] = offset;
}

static void whole_packets_are_no_fragments(void **state)
{
	ipv4(0, 0);
	assert_false(net_fragment4(frame, sizeof(frame)));
	ipv4(0x40, 0);		/* "don't fragment" */
	assert_false(net_fragment4(frame, sizeof(frame)));
}

static void first_and_later_pieces_are_fragments(void **state)
{
	ipv4(0x20, 0);		/* more of them */
	assert_true(net_fragment4(frame, sizeof(frame)));
	ipv4(0, 1);
	assert_true(net_fragment4(frame, sizeof(frame)));
	ipv4(0x1f, 0xff);
	assert_true(net_fragment4(frame, sizeof(frame)));
}

static void other_protocols_and_short_frames_are_no_fragments(void **state)
{
	ipv4(0x20, 1);
	assert_false(net_fragment4(frame, NET_ETH_HDR + 19));
	frame[13] = 6;		/* ARP */
	assert_false(net_fragment4(frame, sizeof(frame)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_packets_are_no_fragments),
		cmocka_unit_test(first_and_later_pieces_are_fragments),
		cmocka_unit_test(other_protocols_and_short_frames_are_no_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
