# SPDX-License-Identifier: GPL-2.0-or-later
"""consoles.py KIND KVIST KERNEL INITRD DIR: what test=consoles of the initrd
says and hears over a console of that kind."""
import hashlib
import os
import re
import socket
import stat
import subprocess
import sys
import time
import tty

from talk import Stream, finish, ok

kind, kvist, kernel, initrd, tmp = sys.argv[1:]
path = tmp + "/console"
err = open(tmp + "/err", "w+b")


def start():
    where = {"pty": "pty", "socket": "socket=" + path}[kind]
    return subprocess.Popen(
        [kvist, "run", "--engine", "soft", "--kernel", kernel, "--initrd", initrd,
         "--memory", "128M", "--console", where, "--append",
         "console=ttyS0 console=hvc0 quiet cryptomgr.notests rodata=off test=consoles"],
        stdin=subprocess.DEVNULL, stderr=err)


def wait_for(fn, what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        r = fn()
        if r:
            return r
        time.sleep(0.1)
    ok(False, what, open(tmp + "/err").read())
    finish()


def pty_name():
    m = re.search(r"(/dev/pts/\d+)", open(tmp + "/err").read())
    return m and m.group(1)


def connect():
    """A client of the socket, once kvist listens."""
    def attempt():
        c = socket.socket(socket.AF_UNIX)
        try:
            c.connect(path)
            return c
        except OSError:
            return None
    return wait_for(attempt, "kvist listens")


if kind == "socket":    # a file left by a kvist that was killed
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.close()
child = start()
if kind == "pty":
    conn = os.open(wait_for(pty_name, "the name of the pty is printed"), os.O_RDWR | os.O_NOCTTY)
    st = Stream(conn)
else:
    conn = connect()
    st = Stream(conn.fileno())
    second = connect()  # waits for its turn

ok(st.expect("serial: hello", 250), "serial output", st.all[-300:])
st.send("a line\n")
ok(st.expect("serial: got a line"), "serial input", st.all[-300:])
ok(st.expect("hvc: hello"), "virtio-console output", st.all[-300:])
if kind == "socket":    # one client leaves, the next takes over
    conn.close()
    st = Stream(second.fileno())
elif kind == "pty":     # closed and opened again
    os.close(conn)
    time.sleep(0.5)
    conn = os.open(pty_name(), os.O_RDWR | os.O_NOCTTY)
    st = Stream(conn)
st.send("another line\n")
ok(st.expect("hvc: got another line"), "virtio-console input, a new client", st.all[-300:])
# Longer than a receive buffer or two would be, shorter than the guest's tty limit.
text = "".join(chr(33 + i * 7 % 90) for i in range(4000)).replace("\\", "/")
st.send(text + "\n")
want = hashlib.md5((text + "\n").encode()).hexdigest()
ok(st.expect("hvc: sum " + want + "  - of 4000"), "4000 bytes in one line", st.all[-300:])
ok(st.expect("\n1 many lines"), "many lines begin")
n = 1
while True:             # a slow reader loses nothing of what fits the buffer
    m = st.expect(r"(\d+) many lines of virtio-console\r?\n", 30)
    if not m or int(m.group(1)) != n + 1:
        break
    n += 1
    if n % 500 == 0:
        time.sleep(0.3)
    if n == 2000:
        break
ok(n == 2000, "2000 lines in order", n)
ok(st.expect("hvc: done"), "the end of them", st.all[-300:])
try:
    rc = child.wait(90)
    ok(rc == 0, "powered off", rc)
except subprocess.TimeoutExpired:
    child.kill()
    ok(False, "powered off")
if kind == "socket":
    ok(not os.path.exists(path), "the socket is gone")
finish()
