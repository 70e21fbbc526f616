# SPDX-License-Identifier: BSD-2-Clause
"""hits: CPU time per query that is answered from a cache.

Every forwarder has one worker; all of them stay on one CPU for the whole measurement, each with
its cache full, and one at a time is asked. knotd and dnsperf share the other CPU. First every name
is asked once; then, in each round, names are drawn at random, the same for everybody, in an order
of forwarders that rotates. Over loopback a sender also pays for the receiving half of the kernel's
work, for everybody alike.
"""
import contextlib
import os
import sys

import figures
import forwarders
import generator
import machine
import rounds

# By number of names: the most that ours may cost, of what the others do.
LIMITS = {10_000: {"peers": 0.90, "floor": 1.08}, 1_000_000: {"peers": 0.86}}
PEERS = ("dnsdist", "unbound")
OURS = "ringdns, uring"
WARM_OUTSTANDING = 200
WARM_PASSES = 5  # what is lost in one is asked again in the next
MISSES_ALLOWED = 0.01
MEMORY_NAMES = 100_000  # of fewer, memory per name says nothing


def candidates(options, name):
    every = [forwarders.Ringdns("uring"), forwarders.Ringdns("syscall")]
    return every + forwarders.peers(options.tree) + [forwarders.HitFloor(name)]


def start(stack, forwarder, work, upstream, cpu):
    """A server that runs until STACK ends."""
    port, directory = machine.port_pick(), os.path.join(work, forwarder.key.replace(", ", "-"))
    os.mkdir(directory)
    log = os.path.join(directory, "log")
    stack.callback(machine.wait_free, port)
    process = stack.enter_context(
        machine.running(forwarder.argv(directory, port, upstream), log, cpu))
    machine.wait_ready(process, port, log)
    if isinstance(forwarder, forwarders.Peer):
        machine.receive_buffers_widen(process.pid)
    return rounds.Server(process, port, log)


def fill(server, names, cpu):
    """Has every name asked once and nothing lost; what that took of memory."""
    before = machine.memory(server.process.pid)
    for _ in range(WARM_PASSES):
        run = generator.dnsperf(server.port, names, outstanding=WARM_OUTSTANDING, cpu=cpu)
        if run["answered"] == run["sent"]:
            return machine.memory(server.process.pid) - before
    raise machine.Trouble(f"{run['sent'] - run['answered']} of {run['sent']} names still without "
                          f"an answer after {WARM_PASSES} passes")


def measure(server, draws, options, work, cpu):
    """One run, and how many of its queries came to the upstream."""
    generator.dnsperf(server.port, draws["warm"], seconds=options.warm,
                      **rounds.load(options, cpu))
    before = generator.upstream_asked(work)
    run = rounds.cost(server, draws["run"], options, cpu)
    return {**run, "misses": generator.upstream_asked(work) - before}


def draw(work, lines, options, number):
    """Names of one round: (warm-up, run)."""
    return {tag: generator.Draws(work, tag, lines, generator.enough(seconds, options.rate),
                                 f"{number} {tag}")
            for tag, seconds in (("warm", options.warm), ("run", options.seconds))}


def measure_all(chosen, names, options, work):
    """(runs, {key: bytes of memory per name}, failed)"""
    cpus, taken = machine.cpus(), rounds.Rounds(chosen)
    servers, grown, lines = {}, {}, names.lines()
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(generator.upstream(work, cpus[1], counted=True))
        for forwarder in chosen:
            try:
                server = start(stack, forwarder, work, upstream, cpus[0])
                grown[forwarder.key] = fill(server, names, cpus[1]) / names.count
                servers[forwarder.key] = server
                print(f"{forwarder.key:18} knows {names.count} names", file=sys.stderr, flush=True)
            except machine.Trouble as trouble:
                taken.fail(forwarder, trouble)
        for number in range(options.rounds):
            draws = draw(work, lines, options, number)
            taken.take(number, lambda f: measure(servers[f.key], draws, options, work, cpus[1]))
    return taken.runs, grown, taken.failed


def misses(runs, key):
    """The largest share of a run's answers that had to be asked for."""
    return max(run["misses"] / run["answered"] for run in runs[key])


def claim(text, runs, peer, limit):
    verdict = rounds.claim(text, runs, OURS, peer, limit)
    most = max([misses(runs, key) for key in (OURS, peer) if key in runs], default=0)
    if most > MISSES_ALLOWED:
        return figures.claim(verdict["claim"], False, f"{most:.1%} were no hits")
    return verdict


def claims(count, runs):
    """What is compared with the better of the peers, and with the floor."""
    limits, what = LIMITS.get(count, {}), f"CPU per hit, {count} names, {OURS}"
    found = []
    if "peers" in limits:
        measured = [peer for peer in PEERS if peer in runs]
        best = min(measured, key=lambda peer: rounds.median(runs, peer, "cpu_us"), default="")
        verdict = claim(f"{what} / the better of {' and '.join(PEERS)} ({best or 'neither'})",
                        runs, best, limits["peers"])
        if len(measured) < len(PEERS):
            verdict = figures.claim(verdict["claim"], False, "not both were measured")
        found.append(verdict)
    if "floor" in limits:
        found.append(claim(f"{what} / floor", runs, "floor", limits["floor"]))
    return found


def main_of(count, options):
    """What one number of names gives: all that is published, and its text."""
    with machine.workplace() as work:
        names = generator.Names(work, "hot", count)
        first = names.lines()[0].split()[0]
        chosen, absent = rounds.choose(candidates(options, first), options.only)
        runs, grown, failed = measure_all(chosen, names, options, work)
    versions = {f.key: f.version() for f in chosen}
    verdicts, not_measured = claims(count, runs), {**absent, **failed}

    def memory(_, key):
        return f"{grown[key]:.0f}" if count >= MEMORY_NAMES else ""

    def size(some, key):
        return f"{rounds.median(some, key, 'answer_bytes'):.0f}"

    columns = [("misses, most", lambda *of: f"{misses(*of):.2%}"), ("bytes", size),
               ("memory per name", memory)]
    text = rounds.table(f"hit, {count} names", runs, OURS, versions, columns)
    text += rounds.remarks(options, not_measured, verdicts)
    return {"versions": versions, "not_measured": not_measured, "runs": runs, "grown": grown,
            "ratios": rounds.ratios(runs, OURS), "claims": verdicts}, text


def main(options):
    about, results, texts = machine.describe(), {}, []
    for count in (int(n) for n in options.names.split(",")):
        results[count], text = main_of(count, options)
        texts.append(text)
    versions = {key: v for result in results.values() for key, v in result["versions"].items()}
    figures.publish("hits", {
        "machine": about, "versions": {**versions, **generator.versions()},
        "settings": vars(options), "names": results}, "\n\n".join(texts))
