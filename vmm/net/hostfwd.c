/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostfwd.c - the syntax of forwarded ports: tcp:IP:PORT-IP:PORT. */
#include <arpa/inet.h>
#include "vmm/net/net.h"

/* "IP:PORT" of n bytes; an empty IP leaves *ip as it is. */
static bool endpoint(const char *s, size_t n, u32 *ip, u16 *port)
{
	const char *colon = memchr(s, ':', n);
	char host[INET_ADDRSTRLEN];
	size_t host_len, i;
	u32 v = 0;

	if (!colon)
		return false;
	host_len = (size_t)(colon - s);
	if (host_len >= sizeof(host))
		return false;
	memcpy(host, s, host_len);
	host[host_len] = 0;
	if (host_len && inet_pton(AF_INET, host, ip) != 1)
		return false;
	if (host_len + 1 == n)
		return false;
	for (i = host_len + 1; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (u32)(s[i] - '0');
		if (v > 65535)
			return false;
	}
	*port = (u16)v;
	return v != 0;
}

int hostfwd_parse(const char *s, u32 guest_default, struct hostfwd *out)
{
	struct hostfwd f = { .host_ip = htonl(INADDR_ANY), .guest_ip = guest_default };
	const char *p = s, *dash;

	f.udp = !strncmp(p, "udp:", 4);
	if (!f.udp && strncmp(p, "tcp:", 4))
		return fail(0, "hostfwd=%s: starts with neither tcp: nor udp:", s);
	p += 4;
	dash = strchr(p, '-');
	if (!dash || !endpoint(p, (size_t)(dash - p), &f.host_ip, &f.host_port) ||
	    !endpoint(dash + 1, strlen(dash + 1), &f.guest_ip, &f.guest_port))
		return fail(0, "hostfwd=%s: not of the form tcp:IP:PORT-IP:PORT "
			    "(either IP may be left out)", s);
	*out = f;
	return 0;
}
