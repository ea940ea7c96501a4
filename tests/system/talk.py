# SPDX-License-Identifier: GPL-2.0-or-later
"""talk.py - what tests in Python share: talking to a stream, results."""
import fcntl
import os
import pty
import re
import select
import signal
import sys
import termios
import time

bad = 0


def ok(cond, what, detail=""):
    """One line for one expectation."""
    global bad
    if cond:
        print("ok: " + what, flush=True)
    else:
        bad += 1
        print("not ok: %s%s" % (what, ": " + str(detail) if detail else ""), flush=True)
    return cond


def finish():
    sys.exit(1 if bad else 0)


class Stream:
    """Bytes of a descriptor; expect() waits for what comes next."""

    def __init__(self, fd):
        self.fd = fd
        self.seen = b""     # not yet matched
        self.all = b""

    def pump(self, seconds):
        """Reads once; False at the end of the stream."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            b = os.read(self.fd, 65536)
        except OSError:     # EIO: the other side of a pty is closed
            return False
        self.seen += b
        self.all += b
        return bool(b)

    def expect(self, pattern, seconds=60):
        """The match, or None when time is up or the stream has ended."""
        end = time.monotonic() + seconds
        alive = True
        while True:
            m = re.search(pattern.encode(), self.seen)
            if m:
                self.seen = self.seen[m.end():]
                return m
            if not alive or time.monotonic() > end:
                return None
            alive = self.pump(0.2)

    def send(self, text):
        os.write(self.fd, text.encode() if isinstance(text, str) else text)


class Terminal(Stream):
    """A pseudo-terminal on which a program runs, as its session's leader
    would have started it: in a process group of its own, in the foreground."""

    def __init__(self):
        master, self.slave = pty.openpty()
        super().__init__(master)
        self.before = self.settings()
        self.pid = None

    def settings(self):
        return termios.tcgetattr(self.slave)

    def is_raw(self):
        return not self.settings()[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def run(self, argv, env=None):
        """Returns the pid of a session leader (our shell) and its child, argv."""
        r, w = os.pipe()
        self.leader = os.fork()
        if not self.leader:
            self._lead(argv, env, w)
        os.close(w)
        self.pid = int(os.read(r, 32))
        self.status_fd = r
        return self.pid

    def _lead(self, argv, env, w):
        """A small job-control shell: tells the child's pid and how it ended."""
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            os.tcsetpgrp(self.slave, os.getpid())
            signal.signal(signal.SIGTTOU, signal.SIG_DFL)
            for fd in 0, 1, 2:
                os.dup2(self.slave, fd)
            os.closerange(3, 256)
            try:
                os.execve(argv[0], argv, dict(os.environ, **(env or {})))
            finally:
                os._exit(127)
        signal.signal(signal.SIGUSR1, lambda *_: os.tcsetpgrp(self.slave, child))
        os.write(w, b"%-10d" % child)
        while True:
            _, st = os.waitpid(child, os.WUNTRACED)
            if os.WIFSTOPPED(st):
                os.tcsetpgrp(self.slave, os.getpgrp())
                os.write(w, b"stopped   ")
                continue
            os.tcsetpgrp(self.slave, os.getpgrp())
            n = -os.WTERMSIG(st) if os.WIFSIGNALED(st) else os.WEXITSTATUS(st)
            os.write(w, b"%-10d" % n)
            os._exit(0)

    def foreground(self):
        """What a shell does before it continues a job: the leader does it, as
        only its session may."""
        os.kill(self.leader, signal.SIGUSR1)
        end = time.monotonic() + 10
        while self._group() != self.pid and time.monotonic() < end:
            time.sleep(0.02)

    def _group(self):
        try:
            with open("/proc/%d/stat" % self.leader) as f:
                return int(f.read().rsplit(")", 1)[1].split()[5])
        except (OSError, IndexError):
            return -1

    def event(self, seconds=60):
        """'stopped', or the exit status (a signal: negative); None: nothing yet.
        Output goes on being read meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.status_fd], [], [], 0)[0]:
                s = os.read(self.status_fd, 10).decode().strip()
                self.pump(0)
                return s if s == "stopped" else int(s)
            self.pump(0.05)
        return None

    def restored(self):
        """The settings are as before (the kernel's PENDIN flag aside)."""
        now, was = self.settings(), self.before
        for t in now, was:
            t[3] &= ~getattr(termios, "PENDIN", 0o40000)
        return now == was

    def close(self):
        if self.pid:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            os.waitpid(self.leader, 0)
            os.close(self.status_fd)
        os.close(self.fd)
        os.close(self.slave)
