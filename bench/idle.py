# SPDX-License-Identifier: BSD-2-Clause
"""idle: CPU time per UDP query with 10,000 idle TCP connections beside it, and with none.

Both are measured in each round, at the same rate, as fresh processes, in an order that turns
round; the ratio is taken within a round. The connections come from forty prefixes of the loopback
network; this process holds their other ends and does nothing meanwhile. Each process needs as many
descriptors.
"""
import contextlib
import os
import resource
import socket
import statistics
import sys

import figures
import forwarders
import generator
import machine

CONNECTIONS = 10_000
PREFIX = 250  # connections from one /24
RATE = 40_000
LIMIT = 1.05
BYTES_WANTED = 4096  # of memory for each connection, less than this
ACCEPT_S = 20
CONF = "tcp: { connections: 20000, idle: 600s }\n"


class Patient(forwarders.Ringdns):
    """Ringdns that keeps idle connections for longer than a round."""

    def argv(self, directory, port, upstream):
        path = os.path.join(directory, "ringdns.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONF)
        return super().argv(directory, port, upstream) + ["-c", path]


def descriptors_allow(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(hard, count)))
    except (OSError, ValueError):
        raise machine.Trouble(f"{count} descriptors are needed, {hard} are allowed: ulimit -n") \
            from None


@contextlib.contextmanager
def crowd(forwarder, port, count):
    """COUNT idle connections for the length of a with block."""
    with contextlib.ExitStack() as stack:
        for i in range(count):
            s = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            s.bind((f"127.3.{i // PREFIX}.{i % PREFIX + 1}", 0))
            s.connect(("127.0.0.1", port))
        machine.wait(lambda: forwarder.stats()["total"]["connections"] == count, ACCEPT_S,
                     f"not all of {count} connections were accepted")
        yield


def measure(forwarder, count, upstream, names, options, work, cpus):
    """One fresh process with COUNT idle connections, under load: its figures."""
    port, log = machine.port_pick(), os.path.join(work, "log")
    load = {"clients": options.clients, "outstanding": options.outstanding,
            "rate": options.rate or RATE, "cpu": cpus[1]}
    with machine.running(forwarder.argv(work, port, upstream), log, cpus[0]) as process:
        machine.wait_ready(process, port, log)
        generator.dnsperf(port, names["warm"], seconds=options.warm, **load)
        empty = machine.memory(process.pid)
        with crowd(forwarder, port, count):
            grown = machine.memory(process.pid) - empty
            before = machine.cpu_seconds(process.pid)
            run = generator.dnsperf(port, names["run"], seconds=options.seconds, **load)
            after = machine.cpu_seconds(process.pid)
            left = forwarder.stats()["total"]["connections"]
    machine.wait_free(port)
    if not run["answered"] or left != count:
        raise machine.Trouble(f"{run['answered']} answered, {left} of {count} connections left: "
                              f"{machine.tail(log)}")
    user, system = (1e6 * (b - a) / run["answered"] for a, b in zip(before, after))
    return {**run, "user_us": user, "system_us": system, "cpu_us": user + system,
            "bytes_each": grown / count if count else 0}


def rounds(chosen, options, work):
    """{(key, connections): [figures, one per round]}"""
    cpus = machine.cpus()
    names = {tag: generator.Names.for_seconds(work, tag, seconds, options.rate or RATE)
             for tag, seconds in (("warm", options.warm), ("run", options.seconds))}
    cases = [(f, count) for f in chosen for count in (0, CONNECTIONS)]
    runs = {(f.key, count): [] for f, count in cases}
    with generator.upstream(work, cpus[1]) as upstream:
        for number in range(options.rounds):
            at = number % len(cases)
            for forwarder, count in cases[at:] + cases[:at]:
                run = measure(forwarder, count, upstream, names, options, work, cpus)
                runs[forwarder.key, count].append(run)
                print(f"round {number + 1:2} {forwarder.key:18} {count:6} idle "
                      f"{run['cpu_us']:6.2f} us {run['qps']:8.0f} q/s  lost {run['lost']}",
                      file=sys.stderr, flush=True)
    return runs


def row(name, count, runs, ratios):
    def median(field):
        return statistics.median(run[field] for run in runs[name, count])

    return [name, count, f"{median('cpu_us'):.2f}", f"{median('user_us'):.2f}",
            f"{median('system_us'):.2f}", f"{median('qps'):.0f}",
            sum(run["lost"] for run in runs[name, count]), f"{median('latency_ms'):.2f}",
            f"{median('bytes_each'):.0f}" if count else "",
            figures.ratio_text(ratios[name]) if count else ""]


def claims(runs, ratios):
    found = []
    for key, ratio in ratios.items():
        most = max(run["bytes_each"] for run in runs[key, CONNECTIONS])
        found.append(figures.claim_ratio(
            f"{key}: CPU per UDP query, {CONNECTIONS} idle / none", ratio, LIMIT))
        found.append(figures.claim(f"{key}: memory of an idle connection < {BYTES_WANTED} bytes",
                                   most < BYTES_WANTED, f"at most {most:.0f}"))
    return found


def main(options):
    about = machine.describe()
    chosen = [f for f in (Patient("uring"), Patient("syscall"))
              if not options.only or any(w in f.key for w in options.only)]
    for forwarder in chosen:
        if forwarder.missing():
            raise machine.Trouble(forwarder.missing())
    if not chosen:
        raise machine.Trouble("nothing to measure")
    descriptors_allow(CONNECTIONS + 5000)
    with machine.workplace() as work:
        runs = rounds(chosen, options, work)
    ratios = {f.key: figures.ratio(*([run["cpu_us"] for run in runs[f.key, count]]
                                     for count in (CONNECTIONS, 0))) for f in chosen}
    head = ["us of CPU per UDP query", "idle TCP", "all", "user", "system", "answers/s", "lost",
            "mean ms", "bytes each", "with / without [95 %]"]
    text = figures.table(head, [row(*case, runs, ratios) for case in runs])
    verdicts = claims(runs, ratios)
    text += f"\n\nmedians of {options.rounds} rounds of {options.seconds} s\n"
    text += "".join("\n" + figures.claim_text(c) for c in verdicts)
    figures.publish("idle", {
        "machine": about, "settings": vars(options), "ratios": ratios, "claims": verdicts,
        "versions": {**{f.key: f.version() for f in chosen}, **generator.versions()},
        "runs": {f"{key}, {count} idle": each for (key, count), each in runs.items()}}, text)
