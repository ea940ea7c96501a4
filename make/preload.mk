# SPDX-License-Identifier: GPL-2.0-or-later
# build/libkvist-preload.so: the software engine as /dev/kvm, for any program.
PRELOAD	:= $(sort $(wildcard preload/*.c))
PRELOAD_WRAP := close fcntl eventfd epoll_create1 sigaction mmap

# The engine's signal handler looks at thread-local data: it must be there, not
# be allocated when it is first touched.
$(eval $(call variant,pic,-O2 -fno-plt -fPIC -fvisibility=hidden -ftls-model=initial-exec,posix))

$(B)/libkvist-preload.so: $(call obj,pic,$(CORE) $(SOFT) $(POSIX) $(PRELOAD))
	$(Q)$(CC) -pthread $(LDFLAGS) -shared -o $@ $^ -Wl,-z,defs -Wl,-Bsymbolic \
		$(PRELOAD_WRAP:%=-Wl,--wrap=%)

all: $(B)/libkvist-preload.so
-include $(wildcard $(B)/pic/*/*.d $(B)/pic/*/*/*.d)

# Clients that know only /dev/kvm; tests/api/table.sh runs them.
PLAIN	:= signals fds calls
$(PLAIN:%=$(B)/api/%): $(B)/api/%: $(B)/rel/tests/api/%.o $(B)/rel/tests/api/lib/plain.o
	@mkdir -p $(@D)
	$(Q)$(CC) -pthread $(LDFLAGS) -o $@ $^
