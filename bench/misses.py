# SPDX-License-Identifier: BSD-2-Clause
"""misses: CPU time per answered query when no name is ever asked twice.

The forwarder has one worker and one CPU for itself; knotd and dnsperf share the other. In each
round every forwarder runs once, as a fresh process, in an order that rotates, and ratios are taken
within a round. Over loopback a sender also pays for the receiving half of the kernel's work, for
everybody alike.
"""
import os
import threading

import figures
import forwarders
import generator
import machine
import rounds

LIMITS = {"dnsdist": 0.80, "unbound": 0.25}
PORTS_WANTED = 128
OURS, CONTROL = "ringdns, uring", "ringdns, syscall"


def candidates(options):
    every = [forwarders.Ringdns("uring"), forwarders.Ringdns("syscall")]
    every += forwarders.peers(options.tree)
    return every + [forwarders.MissFloor(int(n)) for n in options.floor_ports.split(",") if n]


class Sampler:
    """Looks at our counters once, in the middle of a run, when all the ports are in use."""

    def __init__(self, forwarder, seconds):
        self.forwarder, self.total = forwarder, {}
        self.timer = threading.Timer(seconds * 0.7, self.look)

    def look(self):
        self.total = self.forwarder.stats()["total"]

    def __enter__(self):
        if isinstance(self.forwarder, forwarders.Ringdns):
            self.timer.start()
        return self

    def __exit__(self, *_):
        if self.timer.ident:
            self.timer.join()


def measure(forwarder, upstream, names, options, work, cpus):
    """One fresh process, warmed up, under load: its figures."""
    port = machine.port_pick()
    log = os.path.join(work, "log")
    with machine.running(forwarder.argv(work, port, upstream), log, cpus[0]) as process:
        machine.wait_ready(process, port, log)
        if isinstance(forwarder, forwarders.Peer):
            machine.receive_buffers_widen(process.pid)
        generator.dnsperf(port, names["warm"], seconds=options.warm,
                          **rounds.load(options, cpus[1]))
        with Sampler(forwarder, options.seconds) as sampler:
            run = rounds.cost(rounds.Server(process, port, log), names["run"], options, cpus[1])
    machine.wait_free(port)
    return {**run, "ports_open": sampler.total.get("ports_open"),
            "ports_opened": sampler.total.get("ports_opened")}


def measure_all(chosen, options, work):
    cpus, taken = machine.cpus(), rounds.Rounds(chosen)
    names = {"warm": generator.Names.for_seconds(work, "warm", options.warm, options.rate),
             "run": generator.Names.for_seconds(work, "run", options.seconds, options.rate)}
    with generator.upstream(work, cpus[1]) as upstream:
        for number in range(options.rounds):
            taken.take(number, lambda f: measure(f, upstream, names, options, work, cpus))
    return taken.runs, taken.failed


def claims(runs):
    found = [rounds.claim(f"CPU per miss, {OURS} / {peer}", runs, OURS, peer, limit)
             for peer, limit in LIMITS.items()]
    for key in (OURS, CONTROL):
        if key in runs:
            fewest = min(run["ports_open"] or 0 for run in runs[key])
            opened = max(run["ports_opened"] or 0 for run in runs[key])
            found.append(figures.claim(f"random ports open, {key} >= {PORTS_WANTED}",
                                       fewest >= PORTS_WANTED,
                                       f"at least {fewest} at a time, {opened} opened so far"))
    return found


def main(options):
    about = machine.describe()
    chosen, absent = rounds.choose(candidates(options), options.only)
    versions = {f.key: f.version() for f in chosen}
    with machine.workplace() as work:
        runs, failed = measure_all(chosen, options, work)
    verdicts, not_measured = claims(runs), {**absent, **failed}
    text = rounds.table("miss", runs, OURS, versions)
    text += rounds.remarks(options, not_measured, verdicts)
    figures.publish("misses", {
        "machine": about, "versions": {**versions, **generator.versions()},
        "settings": vars(options), "not_measured": not_measured, "runs": runs,
        "ratios": rounds.ratios(runs, OURS), "claims": verdicts}, text)
