/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udp_echo.c - sends back every datagram that comes to port 7. Linked static,
 * for the initrd's guests. */
#include <arpa/inet.h>
#include <sys/socket.h>

int main(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(7) };
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[65536];

	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)))
		return 1;
	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(s, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);

		if (n >= 0)
			sendto(s, buf, n, 0, (struct sockaddr *)&from, len);
	}
}
