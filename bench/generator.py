# SPDX-License-Identifier: BSD-2-Clause
"""Both ends of a forwarder: knotd with a wildcard zone behind it, dnsperf in front of it."""
import contextlib
import os
import random
import re
import subprocess

import machine

ZONE = """$ORIGIN bench.
$TTL 3600
@ SOA ns admin 1 3600 600 86400 300
@ NS ns
ns A 192.0.2.53
* A 198.51.100.1
"""
CONF = """server:
  rundir: {d}
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: {d}/db
zone:
  - domain: bench
    file: {d}/bench.zone
    zonefile-load: whole
    journal-content: none
"""
COUNTED = """template:
  - id: default
    global-module: mod-stats
"""
NAMES_PER_S = 300_000  # more than dnsperf and knotd can do on one CPU; a run checks it afterwards


@contextlib.contextmanager
def upstream(work, cpu=None, counted=False):
    """A knotd that has an answer for every name below 'bench'; yields its port. COUNTED: it knows
    how often it was asked (upstream_asked)."""
    directory = os.path.join(work, "knotd")
    os.mkdir(directory)
    port = machine.port_pick()
    conf = CONF.format(d=directory, port=port) + (COUNTED if counted else "")
    for name, text in (("bench.zone", ZONE), ("knot.conf", conf)):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
            f.write(text)
    log = os.path.join(directory, "log")
    with machine.running(["knotd", "-c", f"{directory}/knot.conf"], log, cpu) as process:
        machine.wait_ready(process, port, log)
        machine.receive_buffers_widen(process.pid)
        yield port


def upstream_asked(work):
    """How many queries it has had by UDP so far."""
    conf = os.path.join(work, "knotd", "knot.conf")
    done = subprocess.run(["knotc", "-c", conf, "stats", "mod-stats.request-protocol"],
                          capture_output=True, text=True, check=False)
    found = re.search(r"\[udp4\] = (\d+)", done.stdout)
    if done.returncode or not found:
        raise machine.Trouble(f"knotc stats failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return int(found[1])


def enough(seconds, rate=0):
    """So many names last for a run."""
    return int(seconds * (rate or NAMES_PER_S)) + 10_000


class Names:
    """A file of names that never repeat, in it or in any other file of another tag."""

    def __init__(self, work, tag, count):
        self.path, self.count = os.path.join(work, f"names-{tag}.txt"), count
        with open(self.path, "w", encoding="ascii") as f:
            # An odd factor permutes the numbers below 2^32: no order, and no name twice.
            f.writelines(f"{i * 2654435761 & 0xffffffff:08x}.{tag}.bench A\n"
                         for i in range(count))

    @classmethod
    def for_seconds(cls, work, tag, seconds, rate=0):
        return cls(work, tag, enough(seconds, rate))

    def lines(self):
        with open(self.path, encoding="ascii") as f:
            return f.readlines()


class Draws:
    """A file of names drawn at random from a fixed number of them. The same for the same seed."""

    def __init__(self, work, tag, names, count, seed):
        self.path, self.count = os.path.join(work, f"names-{tag}.txt"), count
        rnd = random.Random(seed)
        with open(self.path, "w", encoding="ascii") as f:
            for start in range(0, count, len(names)):
                f.writelines(rnd.choices(names, k=min(count - start, len(names))))


def dnsperf(port, names, *, seconds=None, clients=16, outstanding=400, rate=0, cpu=None):
    """Asks the names in the file's order; for so many seconds, or else to its end. Figures."""
    argv = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", names.path, "-T", "1",
            "-c", str(clients), "-q", str(outstanding)]
    argv += ["-l", str(seconds)] if seconds else ["-n", "1"]
    argv += ["-Q", str(rate)] if rate else []
    if cpu is not None:
        argv = ["taskset", "-c", str(cpu)] + argv
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode or "Queries sent" not in done.stdout:
        raise machine.Trouble(f"dnsperf failed: {done.stderr.strip()[-300:]}")
    figures = read(done.stdout)
    if figures["sent"] > names.count:
        raise machine.Trouble(f"{figures['sent']} queries from {names.count} names: they repeated; "
                              "use a lower --rate or fewer --seconds")
    return figures


def read(text):
    def number(pattern):
        found = re.search(pattern, text)
        return float(found[1]) if found else 0.0

    codes = re.search(r"Response codes:\s+(.*)", text)
    rcodes = {name: int(count) for name, count in
              re.findall(r"(\w+) (\d+) \(", codes[1] if codes else "")}
    sent, completed = (int(number(rf"Queries {word}:\s+(\d+)")) for word in ("sent", "completed"))
    return {"sent": sent, "completed": completed, "lost": int(number(r"Queries lost:\s+(\d+)")),
            "rcodes": rcodes, "answered": rcodes.get("NOERROR", 0),
            "answer_bytes": number(r"Average packet size:.* response (\d+)"),
            "qps": number(r"Queries per second:\s+([\d.]+)"),
            "latency_ms": 1e3 * number(r"Average Latency \(s\):\s+([\d.]+)")}


def versions():
    knotd = subprocess.run(["knotd", "-V"], capture_output=True, text=True, check=False).stdout
    perf = subprocess.run(["dnsperf", "-h"], capture_output=True, text=True, check=False)
    found = re.search(r"Version (\S+)", perf.stdout + perf.stderr)
    return {"knotd": knotd.strip().split()[-1] if knotd else "?",
            "dnsperf": found[1] if found else "?"}
