#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A terminal is as it was before, whatever ends or stops kvist; its keys work;
# a shell in the guest answers.
# limit: 400
. "$(dirname "$0")/lib.sh"
tiny_guest
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/tests/system
python3 - "$KVIST" "$TINY" "$G" "$TMP" <<'END'
import os, signal, sys, time
from talk import Terminal, ok, finish

KVIST, TINY, G, TMP = sys.argv[1:]
BASE = [KVIST, "run", "--engine", "soft", "--memory", "32M", "--kernel", TINY]


def start(*args, base=BASE, wait="tiny: ready"):
    t = Terminal()
    t.run(base + list(args))
    if wait and not ok(t.expect(wait), "started", t.all):
        sys.exit(1)
    return t


def ends(t, what, status):
    got = t.event()
    ok(got == status, "%s: ends with %s" % (what, status), "%s, %r" % (got, t.all[-300:]))
    ok(t.restored(), "%s: terminal as before" % what, "%s %s" % (t.before, t.settings()))
    t.close()


# Keys.
t = start()
ok(t.is_raw(), "raw while the guest runs")
t.send("A")
ok(t.expect("<A>"), "the guest gets keys")
t.send("\x03\x1a\x1c")
ok(t.expect("<\x03><\x1a><\x1c>"), "Ctrl-c, Ctrl-z and Ctrl-\\ are the guest's")
t.send("\x01?")
ok(t.expect("Ctrl-a x "), "Ctrl-a ? helps", t.all)
t.send("\x01\x01")
ok(t.expect("<\x01>"), "Ctrl-a Ctrl-a sends Ctrl-a", t.all)
t.send("\x01z!")
ok(t.expect("<!>") and b"<z>" not in t.all, "an unknown key after Ctrl-a is dropped", t.all)
t.send("\x01x")
ends(t, "Ctrl-a x", 10)

# Ends of a run.
t = start()
t.send("q")
ends(t, "power-off", 0)
ends(start("--append", "crash"), "triple fault", 6)
ends(start("--append", "reset"), "reset", 8)
ends(start("--append", "3", "--debug-exit"), "debug exit", 7)
for sig in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
    t = start()
    os.kill(t.pid, sig)
    ends(t, sig.name, 10)
for sig in signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT, signal.SIGBUS, signal.SIGILL:
    t = start()
    os.kill(t.pid, sig)
    ends(t, sig.name, -sig)
t = start("--append", "spin")
t.send("\x01x")
ends(t, "Ctrl-a x while the guest spins", 10)
t = start("--append", "halt")
t.send("\x01x")
ends(t, "Ctrl-a x while the guest halts", 10)

# Stop and continue.
t = start()
for round in "first", "second":
    os.kill(t.pid, signal.SIGTSTP)
    ok(t.event() == "stopped", round + " SIGTSTP stops")
    ok(t.restored(), round + " stop: terminal as before")
    t.foreground()
    os.kill(t.pid, signal.SIGCONT)
    end = time.monotonic() + 20
    while not t.is_raw() and time.monotonic() < end:
        t.pump(0.1)
    ok(t.is_raw(), round + " SIGCONT: raw again")
    t.send("B")
    ok(t.expect("<B>", 10), round + " SIGCONT: keys reach the guest")
t.send("q")
ends(t, "power-off after stops", 0)

# Continued in the background: the terminal is the shell's and stays so.
t = start()
os.kill(t.pid, signal.SIGTSTP)
ok(t.event() == "stopped", "stopped before bg")
os.kill(t.pid, signal.SIGCONT)
time.sleep(1)
ok(t.restored(), "bg: the terminal stays as it was")
os.kill(t.pid, signal.SIGTERM)
ends(t, "SIGTERM in the background", 10)

# Errors before the guest runs.
for what, args in (
        ("missing kernel", ["--kernel", TMP + "/none"]),
        ("missing disk", ["--kernel", TINY, "--disk", TMP + "/none"]),
        ("bad network", ["--kernel", TINY, "--net", "tap=doesnotexist0"]),
        ("too little memory", ["--kernel", TINY, "--memory", "1"])):
    t = Terminal()
    t.run([KVIST, "run", "--engine", "soft"] + args)
    ends(t, what, 4)
t = Terminal()
t.run([KVIST, "run", "--bogus"])
ends(t, "usage error", 2)

# A shell in a Linux guest.
t = start("--memory", "128M", base=[KVIST, "run", "--engine", "soft", "--kernel", G + "/vmlinuz",
          "--initrd", G + "/initrd", "--append", "console=ttyS0 quiet cryptomgr.notests rodata=off rdshell"], wait=None)
ok(t.expect("# (\x1b\\[6n)?$", 250), "a prompt", t.all[-300:])
t.send("echo $((6 * 7)) answers\r")
ok(t.expect("\n42 answers\r\n"), "a command gives its output", t.all[-300:])
t.send("sleep 100\r")
t.expect("sleep 100")
time.sleep(1)
t.send("\x03")
t.send("echo still here | tr h H\r")
ok(t.expect("\nstill Here\r\n", 90), "Ctrl-c ends the guest's command only", t.all[-300:])
t.send("poweroff -f\r")
ends(t, "poweroff -f", 0)
finish()
END
