# SPDX-License-Identifier: BSD-2-Clause
"""peak: whether Ringdns keeps every query at 80 % of its highest rate, and is empty afterwards.

dnsperf -c 64 -q 2000, names never repeated, through to knotd; one and two workers, both back ends.
With two workers they share the machine's two CPUs with dnsperf and knotd: the peak is that of the
whole machine, and says nothing about scaling.
"""
import os
import sys

import figures
import forwarders
import generator
import machine

SECONDS = 30
PEAK_RUNS, PEAK_SECONDS = 3, 3
FULL_SECONDS = 5
SHARE_OF_PEAK = 0.8
LOST_WANTED = 0.001
RATE_WANTED = 0.98  # of the offered one; dnsperf holds back when 2000 are outstanding
WORKER_WANTED = 0.30
DRAIN_S = 10  # a question ends after 4 s at the latest
LOAD = {"clients": 64, "outstanding": 2000}
# Where a query of ours may get lost on this machine, beside the wire.
DROPS = ("dropped_listener", "dropped_port", "answers_lost_buffer", "answers_lost_send",
         "upstream_send_failed", "upstream_resent", "io_no_buffers", "io_overflows")


def counters(forwarder):
    """(total, [per worker])"""
    document = forwarder.stats()
    return document["total"], [w["stats"] for w in document["workers"]]


def grown(before, after, field):
    return after[field] - before[field]


def steady(forwarder, port, work, seconds, peak, cpu):
    """The run at 80 %, with what the counters say of the same time."""
    rate = int(peak * SHARE_OF_PEAK)
    names = generator.Names.for_seconds(work, "steady", seconds, rate)
    total, workers = counters(forwarder)
    run = generator.dnsperf(port, names, seconds=seconds, rate=rate, cpu=cpu, **LOAD)
    total_after, workers_after = counters(forwarder)
    received = [grown(b, a, "queries_udp") for b, a in zip(workers, workers_after)]
    return {**run, "rate": rate, "lost_share": 1 - run["completed"] / run["sent"],
            "worker_shares": [r / max(1, sum(received)) for r in received],
            "drops": {field: grown(total, total_after, field) for field in DROPS}}


def drained(forwarder):
    """Gauges after full speed: what was still there when the deadline was over."""
    def left():
        total, _ = counters(forwarder)
        return {"inflight": total["inflight"], "waiters": total["waiters"]}
    try:
        machine.wait(lambda: not any(left().values()), DRAIN_S, "")
    except machine.Trouble:
        pass
    return left()


def measure(forwarder, options, cpus):
    """One fresh process: its peak, the steady run, full speed, and quiet."""
    server, load = (cpus[0], cpus[1]) if forwarder.workers == 1 else (f"{cpus[0]},{cpus[1]}", None)
    with machine.workplace() as work, generator.upstream(work, load) as upstream:
        port, log = machine.port_pick(), os.path.join(work, "log")
        with machine.running(forwarder.argv(work, port, upstream), log, server) as process:
            machine.wait_ready(process, port, log)
            peaks = []
            for number in range(PEAK_RUNS):
                names = generator.Names.for_seconds(work, f"peak{number}", PEAK_SECONDS)
                run = generator.dnsperf(port, names, seconds=PEAK_SECONDS, cpu=load, **LOAD)
                peaks.append(run["answered"] / PEAK_SECONDS)
            figure = steady(forwarder, port, work, options.seconds, max(peaks), load)
            names = generator.Names.for_seconds(work, "full", FULL_SECONDS)
            full = generator.dnsperf(port, names, seconds=FULL_SECONDS, cpu=load, **LOAD)
            left = drained(forwarder)
        machine.wait_free(port)
    return {"peaks": peaks, "peak": max(peaks), "steady": figure, "full": full, "left": left}


def claims(name, r):
    run = r["steady"]
    others = {code: n for code, n in run["rcodes"].items() if code != "NOERROR"}
    found = [
        figures.claim(f"{name}: no SERVFAIL at {SHARE_OF_PEAK:.0%} of the peak", not others,
                      f"{others or run['answered']}"),
        figures.claim(f"{name}: answered as fast as offered",
                      run["qps"] >= RATE_WANTED * run["rate"], f"{run['qps'] / run['rate']:.1%}"),
        figures.claim(f"{name}: lost <= {LOST_WANTED:.1%}", run["lost_share"] <= LOST_WANTED,
                      f"{run['lost']} of {run['sent']}, {run['lost_share']:.4%}"),
        figures.claim(f"{name}: nothing stuck after full speed", not any(r["left"].values()),
                      ", ".join(f"{k} {v}" for k, v in r["left"].items()))]
    if len(run["worker_shares"]) > 1:
        found.append(figures.claim(
            f"{name}: each worker >= {WORKER_WANTED:.0%}",
            min(run["worker_shares"]) >= WORKER_WANTED,
            " ".join(f"{share:.1%}" for share in run["worker_shares"])))
    return found


def row(name, r):
    run = r["steady"]
    drops = ", ".join(f"{field} {n}" for field, n in run["drops"].items() if n)
    return [name, f"{r['peak']:.0f}", run["rate"], f"{run['qps']:.0f}",
            run["rcodes"].get("SERVFAIL", 0), run["lost"], f"{run['latency_ms']:.2f}",
            " ".join(f"{share:.0%}" for share in run["worker_shares"]), drops or "none"]


def main(options):
    about = machine.describe()
    cpus = machine.cpus()
    runs, verdicts, rows, version = {}, [], [], ""
    for workers in (1, 2):
        for io in ("uring", "syscall"):
            forwarder = forwarders.Ringdns(io, workers)
            if forwarder.missing():
                raise machine.Trouble(forwarder.missing())
            name, version = f"{workers} worker{'s' * (workers > 1)}, {io}", forwarder.version()
            runs[name] = measure(forwarder, options, cpus)
            print(f"{name}: peak {runs[name]['peak']:.0f}/s", file=sys.stderr, flush=True)
            verdicts += claims(name, runs[name])
            rows.append(row(name, runs[name]))
    head = ["ringdns", "peak/s", "offered/s", "answered/s", "SERVFAIL", "lost", "mean ms",
            "workers", "drops and repeats"]
    text = figures.table(head, rows)
    text += f"\n\npeak: best of {PEAK_RUNS} runs of {PEAK_SECONDS} s; then {options.seconds} s\n"
    text += "".join("\n" + figures.claim_text(c) for c in verdicts)
    figures.publish("peak", {"machine": about, "settings": vars(options), "runs": runs,
                             "versions": {"ringdns": version, **generator.versions()},
                             "claims": verdicts}, text)
