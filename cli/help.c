// SPDX-License-Identifier: GPL-2.0-or-later
/* help.c - `kvist --help`. doc/kvist.1 says the same at more length. */
#include <stdio.h>
#include "cli/cli.h"

static const char help[] =
"kvist - run virtual machines with KVM, or without\n"
"\n"
"usage: kvist run --kernel FILE [option]...\n"
"       kvist shim -- COMMAND [ARGUMENT]...\n"
"                         a KVM client, such as qemu-system-x86_64, with kvist's\n"
"                         software engine as its /dev/kvm\n"
"       kvist info        what this host offers\n"
"       kvist --version\n"
"       kvist --help\n"
"\n"
"options of run:\n"
"  --kernel FILE         Linux bzImage, ELF with a PVH note, or Multiboot image\n"
"  --initrd FILE         initial RAM disk, or the Multiboot module\n"
"  --append TEXT         kernel command line (default: console=ttyS0)\n"
"  --engine auto|kvm|soft\n"
"                        what runs the guest: /dev/kvm, or kvist's own software\n"
"                        engine; auto (the default) takes /dev/kvm where VT-x or\n"
"                        AMD-V is behind it\n"
"  --cpus N              1 to 16 processors (default: 1)\n"
"  --memory SIZE         guest memory, such as 512M or 2G (default: 512M)\n"
"  --disk FILE[,readonly][,serial=S]\n"
"                        raw image or block device as a virtio disk; repeatable\n"
"  --net user[,hostfwd=tcp:IP:PORT-:PORT]...\n"
"                        network through the host's sockets, with forwarded ports\n"
"  --net tap=NAME        network through a tap interface; --net is repeatable\n"
"  --console stdio|pty|socket=PATH|file=PATH\n"
"                        where the serial port and virtio console are (default: stdio)\n"
"  --debug-exit          a write to port 0xf4 ends the run with its value\n"
"  --testdev             the test devices kvm-unit-tests needs\n"
"A comma in a file name is written twice.\n"
"\n"
"keys, on a terminal: Ctrl-a x ends the machine, Ctrl-a ? helps,\n"
"Ctrl-a Ctrl-a sends Ctrl-a.\n"
"\n"
"exit status:\n"
"  0   the guest powered off\n"
"  2   usage error\n"
"  4   kvist failed: a file, a device, memory, ...\n"
"  6   the guest crashed (triple fault, or KVM cannot go on)\n"
"  8   the guest asked for a reset\n"
"  10  ended by Ctrl-a x or a signal\n"
"  odd the guest's debug exit: (value << 1 | 1) & 255\n"
"\n"
"examples:\n"
"  kvist run --kernel /boot/vmlinuz --initrd initrd.img --memory 1G --cpus 2\n"
"  kvist run --kernel vmlinuz --disk root.img --net user,hostfwd=tcp:127.0.0.1:2222-:22 \\\n"
"            --append 'console=ttyS0 root=/dev/vda rw'\n"
"  kvist run --engine soft --kernel vmexit.flat --append cpuid --debug-exit --testdev\n";

void cli_help(void)
{
	fputs(help, stdout);
}
