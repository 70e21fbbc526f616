# SPDX-License-Identifier: BSD-2-Clause
"""dnsperf(1): load with names that are never repeated, and what it counted."""

import os
import re
import tempfile
import time
from typing import NamedTuple

from support.process import Process, run


class Result(NamedTuple):
    text: str
    sent: int
    completed: int
    lost: int
    rcodes: dict
    rate: float  # completed per second


def names(count, prefix="", zone="wild.example", start=0):
    """Lines of a query file: COUNT different names."""
    return "".join(f"{prefix}{start + i}.{zone} A\n" for i in range(count))


def write(lines):
    with tempfile.NamedTemporaryFile("w", prefix="ringdns-queries-", delete=False) as file:
        file.write(lines)
    return file.name


def command(server, path, clients, outstanding, rate, seconds, timeout=5):
    words = ["dnsperf", "-s", server[0], "-p", str(server[1]), "-d", path, "-n", "1",
             "-c", str(clients), "-q", str(outstanding), "-T", "1", "-t", str(timeout)]
    words += ["-Q", str(rate)] if rate else []
    words += ["-l", str(seconds)] if seconds else []
    return words


def read(text):
    def number(title):
        found = re.search(rf"{title}:\s+([\d.]+)", text)
        if not found:
            raise AssertionError(f"dnsperf said nothing of '{title}':\n{text}")
        return float(found[1])
    codes = re.search(r"Response codes:\s+(.*)", text)
    rcodes = dict(re.findall(r"(\w+) (\d+) \(", codes[1])) if codes else {}
    return Result(text, int(number("Queries sent")), int(number("Queries completed")),
                  int(number("Queries lost")), {k: int(v) for k, v in rcodes.items()},
                  number("Queries per second"))


def load(server, lines, *, clients=16, outstanding=100, rate=0, seconds=None, preexec=(),
         options=(), timeout=120):
    """Sends the queries of LINES once each, or as many as SECONDS allow."""
    path = write(lines)
    try:
        words = command(server, path, clients, outstanding, rate, seconds)
        return read(run([*words, *options], preexec=preexec, timeout=timeout))
    finally:
        os.unlink(path)


class Event(NamedTuple):
    """A query's end. Times are time.monotonic(), good to some milliseconds."""
    sent: float
    latency_s: float  # as dnsperf measured it
    rcode: str
    name: str


class Flood(Process):
    """Load in the background, with every single answer and its time: RATE different names below
    ZONE per second for SECONDS, whether answers come or not. Sent is what TIMEOUT gave up, too."""

    def __init__(self, server, rate, seconds, *, prefix="", zone="wild.example", clients=16,
                 timeout=10, namespace=None):
        self._chunks, self.rate = [], rate
        self._path = write(names(int(rate * seconds * 1.1) + 100, prefix, zone))
        words = command(server, self._path, clients, 60000, rate, seconds, timeout)
        super().__init__([*words, "-v"], preexec=(namespace.join,) if namespace else ())

    def _read(self):
        """What came when; reading it into lines is for later."""
        while data := os.read(self.child.stdout.fileno(), 1 << 20):
            self._chunks.append((time.monotonic(), data))

    def output(self):
        return b"".join(data for _, data in self._chunks).decode()

    def running(self):
        return self.child.poll() is None

    def finish(self, seconds=60):
        """(dnsperf's own counts, the events in the order of their ends), once it has ended."""
        try:
            status = self.wait(seconds)
        finally:
            os.unlink(self._path)
        if status:
            raise AssertionError(self.report("failed"))
        result = read(self.output())
        events = list(self._events())
        if len(events) != result.completed:
            raise AssertionError(f"{len(events)} answers seen, {result.completed} counted")
        return result, events

    def _events(self):
        rest = b""
        for when, data in self._chunks:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                words = line.decode().split()
                if len(words) == 5 and words[0] == ">":
                    yield Event(when - float(words[4]), float(words[4]), words[1], words[2])

    def __exit__(self, *_):
        self.kill()
