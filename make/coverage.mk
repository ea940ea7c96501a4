# SPDX-License-Identifier: GPL-2.0-or-later
# make coverage: line coverage by tests, of all code in a build of its own,
# build/cov: a table of core/, totals of the rest, build/cov/html. Fails when
# core/ is below COV_MIN per cent. About two minutes on two CPUs.
COV	:= $(B)/cov
COV_MIN	:= 85

# The compiler itself, by its path: a cache in front of it does not keep notes
# where they belong.
COV_CC	:= $(firstword $(wildcard /usr/bin/gcc) gcc)
COV_MAKE = $(MAKE) --no-print-directory -s B=$(COV) CC=$(COV_CC) SAN= \
	   INSTR='--coverage -O0 -fprofile-update=prefer-atomic' LDFLAGS='--coverage $(COV)/exit.o'

$(COV)/exit.o: tests/coverage/exit.c
	@mkdir -p $(@D)
	$(Q)$(COV_CC) $(CFLAGS_ALL) -O1 -fPIC -c -o $@ $<

coverage-build: $(COV)/exit.o
	+$(Q)$(COV_MAKE) $(COV)/kvist $(COV)/libkvist-preload.so unit api diff
	+$(Q)$(MAKE) --no-print-directory -s guest-progs

coverage: coverage-build
	$(Q)scripts/coverage $(COV) $(COV_MIN)

.PHONY: coverage coverage-build
