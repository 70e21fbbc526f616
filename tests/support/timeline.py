# SPDX-License-Identifier: BSD-2-Clause
"""What happened when: queries of a dnsperf.Flood beside the states of the upstreams."""

import collections
import json
import socket
import threading
import time

STEP_S = 0.1
LATE_S = 0.3


def states(ringdns):
    """Address -> state, asked without starting a program each time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(10)
        sock.connect(ringdns.control)
        sock.sendall(b"upstreams\n")
        text = b""
        while data := sock.recv(1 << 16):
            text += data
    return {each["address"]: each["state"] for each in json.loads(text)["upstreams"]}


class Watch:
    """Looks at the states of RINGDNS's upstreams ten times a second until it is left."""

    def __init__(self, ringdns):
        self.ringdns = ringdns
        self.samples = []  # (time, {address: state})
        self.notes = []    # (time, what the test did)
        self.error = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self._stop.wait(STEP_S):
                self.samples.append((time.monotonic(), states(self.ringdns)))
        except (OSError, ValueError) as error:
            self.error = error

    def note(self, what):
        self.notes.append((time.monotonic(), what))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join()
        if self.error and not kind:
            raise self.error

    def seen(self):
        """Every state of each address so far."""
        result = collections.defaultdict(set)
        for _, sample in list(self.samples):
            for address, state in sample.items():
                result[address].add(state)
        return dict(result)


def late(events):
    """Those that took longer than a client likes."""
    return [each for each in events if each.latency_s > LATE_S]


def show(events, watch):
    """Prints a line for each tenth of a second: queries by when they were sent and when they were
    answered, late ones by when they were sent."""
    start = min(each.sent for each in events)

    def step(when):
        return int((when - start) / STEP_S)
    sent = collections.Counter(step(each.sent) for each in events)
    slow = collections.Counter(step(each.sent) for each in late(events))
    done = collections.Counter(step(each.sent + each.latency_s) for each in events)
    state = {step(when): sample for when, sample in watch.samples}
    notes = collections.defaultdict(list)
    for when, what in watch.notes:
        notes[step(when)].append(what)
    sample = {}
    for at in range(max(done) + 1):
        sample = state.get(at, sample)
        seen = " ".join(f"{address}={each}" for address, each in sample.items())
        said = "".join(f" <- {each}" for each in notes[at])
        print(f"# {at * STEP_S:4.1f} s: sent {sent[at]}, answered {done[at]}, late {slow[at]}; "
              f"{seen}{said}")
