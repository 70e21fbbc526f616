# SPDX-License-Identifier: BSD-2-Clause
"""misses: CPU time per answered query when no name is ever asked twice.

The forwarder has one worker and one CPU for itself; knotd and dnsperf share the other. In each
round every forwarder runs once, as a fresh process, in an order that rotates, and ratios are taken
within a round. Over loopback a sender also pays for the receiving half of the kernel's work, for
everybody alike.
"""
import os
import statistics
import sys
import threading

import figures
import forwarders
import generator
import machine

LIMITS = {"dnsdist": 0.80, "unbound": 0.25}
PORTS_WANTED = 128
ANSWERED_WANTED = 0.99  # below it, cost per answer compares nothing
OURS, CONTROL = "ringdns, uring", "ringdns, syscall"


def choose(options):
    """The forwarders to measure, and why the others are not."""
    every = [forwarders.Ringdns("uring"), forwarders.Ringdns("syscall")]
    every += forwarders.peers(options.tree)
    every += [forwarders.Floor(int(n)) for n in options.floor_ports.split(",") if n]
    wanted = [f for f in every if not options.only or any(w in f.key for w in options.only)]
    absent = {f.key: f.missing() for f in wanted if f.missing()}
    return [f for f in wanted if f.key not in absent], absent


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
    load = {"clients": options.clients, "outstanding": options.outstanding, "rate": options.rate,
            "cpu": cpus[1]}
    with machine.running(forwarder.argv(work, port, upstream), log, cpus[0]) as process:
        machine.wait_ready(process, port, log)
        if isinstance(forwarder, forwarders.Peer):
            machine.receive_buffers_widen(process.pid)
        generator.dnsperf(port, names["warm"], seconds=options.warm, **load)
        before = machine.cpu_seconds(process.pid)
        with Sampler(forwarder, options.seconds) as sampler:
            run = generator.dnsperf(port, names["run"], seconds=options.seconds, **load)
        after = machine.cpu_seconds(process.pid)
    machine.wait_free(port)
    if not run["answered"]:
        raise machine.Trouble(f"nothing answered: {machine.tail(log)}")
    user, system = (1e6 * (b - a) / run["answered"] for a, b in zip(before, after))
    return {**run, "user_us": user, "system_us": system, "cpu_us": user + system,
            "ports_open": sampler.total.get("ports_open"),
            "ports_opened": sampler.total.get("ports_opened")}


def rounds(chosen, options, work):
    """{key: [figures, one per round]}; who fails once is left out, and said so."""
    cpus = machine.cpus()
    names = {"warm": generator.Names.for_seconds(work, "warm", options.warm, options.rate),
             "run": generator.Names.for_seconds(work, "run", options.seconds, options.rate)}
    runs, failed = {f.key: [] for f in chosen}, {}
    with generator.upstream(work, cpus[1]) as upstream:
        for number in range(options.rounds):
            at = number % len(chosen)
            for forwarder in chosen[at:] + chosen[:at]:
                if forwarder.key in failed:
                    continue
                try:
                    run = measure(forwarder, upstream, names, options, work, cpus)
                except machine.Trouble as trouble:
                    failed[forwarder.key] = str(trouble)
                    print(f"{forwarder.key}: {trouble}", file=sys.stderr, flush=True)
                    continue
                runs[forwarder.key].append(run)
                print(f"round {number + 1:2} {forwarder.key:18} {run['cpu_us']:6.2f} us "
                      f"{run['qps']:8.0f} q/s  lost {run['lost']}", file=sys.stderr, flush=True)
    return {key: r for key, r in runs.items() if key not in failed}, failed


def column(runs, key, field):
    return [run[field] for run in runs[key]]


def answered_share(runs, key):
    return min(run["answered"] / run["sent"] for run in runs[key])


def claims(runs, ratios):
    found = []
    for peer, limit in LIMITS.items():
        text = f"CPU per miss, {OURS} / {peer}"
        if peer not in ratios:
            found.append(figures.claim(f"{text} <= {limit:.2f}x", False, "not measured"))
            continue
        verdict = figures.claim_ratio(text, ratios[peer], limit)
        share = min(answered_share(runs, OURS), answered_share(runs, peer))
        if share < ANSWERED_WANTED:
            verdict = figures.claim(verdict["claim"], False, f"only {share:.1%} answered")
        found.append(verdict)
    for key in (OURS, CONTROL):
        if key in runs:
            fewest = min(run["ports_open"] or 0 for run in runs[key])
            opened = max(run["ports_opened"] or 0 for run in runs[key])
            found.append(figures.claim(f"random ports open, {key} >= {PORTS_WANTED}",
                                       fewest >= PORTS_WANTED,
                                       f"at least {fewest} at a time, {opened} opened so far"))
    return found


def row(runs, ratios, key, version):
    def median(field):
        return statistics.median(column(runs, key, field))

    against = figures.ratio_text(ratios[key]) if key in ratios else ""
    return [f"{key} {version}".strip(), f"{median('cpu_us'):.2f}", f"{median('user_us'):.2f}",
            f"{median('system_us'):.2f}", f"{median('qps'):.0f}",
            f"{sum(column(runs, key, 'lost'))}", f"{answered_share(runs, key):.2%}",
            f"{median('latency_ms'):.2f}", against]


def main(options):
    about = machine.describe()
    chosen, absent = choose(options)
    if not chosen:
        raise machine.Trouble(f"nothing to measure: {absent}")
    versions = {f.key: f.version() for f in chosen}
    with machine.workplace() as work:
        runs, failed = rounds(chosen, options, work)
    ratios = {key: figures.ratio(column(runs, OURS, "cpu_us"), column(runs, key, "cpu_us"))
              for key in runs if OURS in runs and key != OURS}
    head = ["us of CPU per miss", "all", "user", "system", "answers/s", "lost", "NOERROR, least",
            "mean ms", "ringdns uring / this [95 %]"]
    text = figures.table(head, [row(runs, ratios, key, versions[key]) for key in runs])
    verdicts = claims(runs, ratios)
    text += f"\n\nmedians of {options.rounds} rounds of {options.seconds} s\n"
    text += "".join(f"\nnot measured: {key}: {why}" for key, why in {**absent, **failed}.items())
    text += "".join("\n" + figures.claim_text(c) for c in verdicts)
    figures.publish("misses", {
        "machine": about, "versions": {**versions, **generator.versions()},
        "settings": vars(options), "not_measured": {**absent, **failed}, "runs": runs,
        "ratios": ratios, "claims": verdicts}, text)
