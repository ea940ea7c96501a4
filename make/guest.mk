# SPDX-License-Identifier: GPL-2.0-or-later
# Guest test programs, tests/guest/prog/*.c: each as a guest without an
# operating system, build/guest-prog/NAME.elf, and natively, NAME.native.
GP	:= $(B)/guest-prog
GPROGS	:= $(basename $(notdir $(wildcard tests/guest/prog/*.c)))
GCFLAGS	:= -std=gnu11 -O2 -fno-strict-aliasing -fno-stack-protector -fcf-protection=none \
	   -fno-tree-vectorize -fno-builtin -ffp-contract=off $(WARN) -Wno-missing-prototypes -Itests/guest

guest-progs: $(GPROGS:%=$(GP)/%.elf) $(GPROGS:%=$(GP)/%.native)

$(GP)/%.elf: tests/guest/prog/%.c tests/guest/guest.c tests/guest/start.S tests/guest/guest.ld tests/guest/prog.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(GCFLAGS) -ffreestanding -mno-red-zone -fno-pic -no-pie -static -nostdlib -Wl,--build-id=none \
		-Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -T tests/guest/guest.ld -o $@ \
		tests/guest/start.S tests/guest/guest.c $<

$(GP)/%.native: tests/guest/prog/%.c tests/guest/native.c tests/guest/prog.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(GCFLAGS) -o $@ $< tests/guest/native.c

# Not a test program: what tests of kvist itself run in it.
$(GP)/tiny.elf: tests/guest/tiny.c tests/guest/start.S tests/guest/guest.ld tests/guest/prog.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(GCFLAGS) -ffreestanding -mno-red-zone -fno-pic -no-pie -static -nostdlib -Wl,--build-id=none \
		-Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -T tests/guest/guest.ld -o $@ \
		tests/guest/start.S $<

.PHONY: guest-progs
