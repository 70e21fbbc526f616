# SPDX-License-Identifier: BSD-2-Clause
"""Both ends of a forwarder: knotd with a wildcard zone behind it, dnsperf in front of it."""
import contextlib
import os
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
NAMES_PER_S = 300_000  # more than dnsperf and knotd can do on one CPU; a run checks it afterwards


@contextlib.contextmanager
def upstream(work, cpu=None):
    """A knotd that has an answer for every name below 'bench'; yields its port."""
    directory = os.path.join(work, "knotd")
    os.mkdir(directory)
    port = machine.port_pick()
    for name, text in (("bench.zone", ZONE), ("knot.conf", CONF.format(d=directory, port=port))):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
            f.write(text)
    log = os.path.join(directory, "log")
    with machine.running(["knotd", "-c", f"{directory}/knot.conf"], log, cpu) as process:
        machine.wait_ready(process, port, log)
        machine.receive_buffers_widen(process.pid)
        yield port


class Names:
    """A file of names that never repeat, in it or in any other file of another tag."""

    def __init__(self, work, tag, count):
        self.path, self.count = os.path.join(work, f"names-{tag}.txt"), count
        with open(self.path, "w", encoding="ascii") as f:
            for start in range(0, count, 50_000):
                # An odd factor permutes the numbers below 2^32: no order, and no name twice.
                f.write("".join(f"{i * 2654435761 & 0xffffffff:08x}.{tag}.bench A\n"
                                for i in range(start, min(count, start + 50_000))))

    @classmethod
    def for_seconds(cls, work, tag, seconds, rate=0):
        return cls(work, tag, int(seconds * (rate or NAMES_PER_S)) + 10_000)


def dnsperf(port, names, *, seconds=None, clients=16, outstanding=400, rate=0, cpu=None):
    """Asks the names, each once; for so many seconds, or else to the file's end. Figures."""
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
            "qps": number(r"Queries per second:\s+([\d.]+)"),
            "latency_ms": 1e3 * number(r"Average Latency \(s\):\s+([\d.]+)")}


def versions():
    knotd = subprocess.run(["knotd", "-V"], capture_output=True, text=True, check=False).stdout
    perf = subprocess.run(["dnsperf", "-h"], capture_output=True, text=True, check=False)
    found = re.search(r"Version (\S+)", perf.stdout + perf.stderr)
    return {"knotd": knotd.strip().split()[-1] if knotd else "?",
            "dnsperf": found[1] if found else "?"}
