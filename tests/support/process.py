# SPDX-License-Identifier: BSD-2-Clause
"""Child processes of tests: started, watched by what they print, ended by their own PID.

A child dies with the test's process, whatever becomes of it. What a test waits for is a line, a
state or an exit, always under a deadline; nothing waits for time to pass.
"""

import ctypes
import os
import re
import signal
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("RINGDNS_BUILD") or os.path.join(ROOT, "build")
# A build with sanitizers is given more time and less to do.
SLOW = bool(os.environ.get("RINGDNS_SLOW")) or BUILD.rstrip("/").endswith("san")
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


def patience(seconds):
    """A deadline's length on this machine: sanitizer builds get more of it."""
    return seconds * (5 if SLOW else 2)


def scaled(amount):
    """An amount of load: sanitizer builds get less of it."""
    return amount // 5 if SLOW else amount


def wait_until(condition, seconds, what):
    """Polls CONDITION until it is true, and returns what it gave; AssertionError at the deadline.
    WHAT is text, or a function that gives the text when it is needed."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(what() if callable(what) else what)
        time.sleep(0.01)


def checked(result, what):
    """The result of a libc call, or OSError."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(number, *args):
    args = [arg if isinstance(arg, ctypes._SimpleCData) else ctypes.c_ulong(arg) for arg in args]
    args += [ctypes.c_ulong(0)] * (4 - len(args))
    return checked(libc.prctl(number, *args), f"prctl {number}")


def in_child(preexec):
    """What runs in the child between fork and exec: PREEXEC's functions in order."""
    parent = os.getpid()

    def prepare():
        for step in preexec:
            step()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # last: a change of user takes it away
        if os.getppid() != parent:
            os._exit(127)
    return prepare


def run(argv, *, timeout=60, preexec=(), check=True, **kw):
    """Runs a program to its end; its standard output and error together, as text."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          timeout=patience(timeout), preexec_fn=in_child(preexec), **kw)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


class Process:
    """A server. Use it as a context manager, or call stop(); its output is kept."""

    def __init__(self, argv, *, preexec=(), env=None, cwd=None):
        self.argv = argv
        self.child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=in_child(preexec), env=env, cwd=cwd)
        self.pid = self.child.pid
        self._lines = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.child.stdout:
            with self._news:
                self._lines.append(line.decode(errors="replace"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def output(self):
        with self._news:
            return "".join(self._lines)

    def report(self, what):
        return (f"{os.path.basename(self.argv[0])} {what} (exit {self.child.poll()})\n"
                f"$ {' '.join(self.argv)}\n{self.output()}")

    def wait_for(self, pattern, seconds=10):
        """The match of PATTERN in the output so far, or to come."""
        deadline = time.monotonic() + patience(seconds)
        with self._news:
            while True:
                match = re.search(pattern, "".join(self._lines), re.MULTILINE)
                left = deadline - time.monotonic()
                if match or self._ended or left <= 0:
                    break
                self._news.wait(left)
        if not match:
            if self._ended:
                self.child.wait(patience(5))
            raise AssertionError(self.report(f"did not say {pattern!r}"))
        return match

    def wait(self, seconds=10):
        """Its exit status; AssertionError, and SIGKILL, if it does not come."""
        try:
            status = self.child.wait(patience(seconds))
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(self.report("did not end")) from None
        self._close()
        return status

    def _close(self):
        """All that it printed has been read, and nothing of it is left open."""
        self._reader.join(patience(5))
        self.child.stdout.close()

    def alive(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def freeze(self):
        """Stops every thread of it, until SIGCONT."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self._states() <= {"T"}, patience(5), lambda: self.report("runs on"))

    def _states(self):
        """Of its threads, by one letter each."""
        found = set()
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/stat", encoding="ascii") as file:
                found.add(file.read().rpartition(")")[2].split()[0])
        return found

    def kill(self):
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
        self.child.wait()
        self._close()

    def stop(self, seconds=10):
        """SIGTERM, and its exit status. To be called any number of times."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
