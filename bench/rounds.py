# SPDX-License-Identifier: BSD-2-Clause
"""What scenarios that compare forwarders round by round have in common.

One run of each per round, in an order that rotates; ratios are taken within a round.
"""
import collections
import statistics
import sys

import figures
import generator
import machine

ANSWERED_WANTED = 0.99  # below it, cost per answer compares nothing

Server = collections.namedtuple("Server", "process port log")


def choose(every, only):
    """The forwarders to measure, and why the others are not."""
    wanted = [f for f in every if not only or any(w in f.key for w in only)]
    absent = {f.key: f.missing() for f in wanted if f.missing()}
    chosen = [f for f in wanted if f.key not in absent]
    if not chosen:
        raise machine.Trouble(f"nothing to measure: {absent}")
    return chosen, absent


def load(options, cpu):
    """How dnsperf asks: what generator.dnsperf takes beside port, names and seconds."""
    return {"clients": options.clients, "outstanding": options.outstanding, "rate": options.rate,
            "cpu": cpu}


def cost(server, names, options, cpu):
    """dnsperf's figures of a measured run, and what it cost the server: us of CPU per answer."""
    before = machine.cpu_seconds(server.process.pid)
    run = generator.dnsperf(server.port, names, seconds=options.seconds, **load(options, cpu))
    after = machine.cpu_seconds(server.process.pid)
    if not run["answered"]:
        raise machine.Trouble(f"nothing answered: {machine.tail(server.log)}")
    user, system = (1e6 * (b - a) / run["answered"] for a, b in zip(before, after))
    return {**run, "user_us": user, "system_us": system, "cpu_us": user + system}


class Rounds:
    """runs: {key: [figures, one per round]}; who fails once is left out, and failed says why."""

    def __init__(self, chosen):
        self.chosen, self.failed = chosen, {}
        self.all = {f.key: [] for f in chosen}

    def fail(self, forwarder, trouble):
        self.failed[forwarder.key] = str(trouble)
        print(f"{forwarder.key}: {trouble}", file=sys.stderr, flush=True)

    def take(self, number, measure):
        """One round; measure(forwarder) gives the figures of one run."""
        at = number % len(self.chosen)
        for forwarder in self.chosen[at:] + self.chosen[:at]:
            if forwarder.key in self.failed:
                continue
            try:
                run = measure(forwarder)
            except machine.Trouble as trouble:
                self.fail(forwarder, trouble)
                continue
            self.all[forwarder.key].append(run)
            print(f"round {number + 1:2} {forwarder.key:18} {run['cpu_us']:6.2f} us "
                  f"{run['qps']:8.0f} q/s  lost {run['lost']}", file=sys.stderr, flush=True)

    @property
    def runs(self):
        return {key: runs for key, runs in self.all.items() if key not in self.failed}


def column(runs, key, field):
    return [run[field] for run in runs[key]]


def median(runs, key, field):
    return statistics.median(column(runs, key, field))


def answered_share(runs, key):
    return min(run["answered"] / run["sent"] for run in runs[key])


def ratios(runs, ours):
    """{key: CPU per answer of OURS over that of key's}"""
    return {key: figures.ratio(column(runs, ours, "cpu_us"), column(runs, key, "cpu_us"))
            for key in runs if ours in runs and key != ours}


def claim(text, runs, ours, peer, limit):
    """That OURS costs at most LIMIT times what PEER does."""
    if ours not in runs or peer not in runs:
        return figures.claim(f"{text} <= {limit:.2f}x", False, "not measured")
    verdict = figures.claim_ratio(text, ratios(runs, ours)[peer], limit)
    share = min(answered_share(runs, ours), answered_share(runs, peer))
    if share < ANSWERED_WANTED:
        return figures.claim(verdict["claim"], False, f"only {share:.1%} answered")
    return verdict


def table(what, runs, ours, versions, extra=()):
    """A row for each. EXTRA: further columns as (head, function of (runs, key))."""
    against = ratios(runs, ours)
    head = [f"us of CPU per {what}", "all", "user", "system", "answers/s", "lost",
            "NOERROR, least", "mean ms"] + [name for name, _ in extra]
    rows = [[f"{key} {versions[key]}".strip(), f"{median(runs, key, 'cpu_us'):.2f}",
             f"{median(runs, key, 'user_us'):.2f}", f"{median(runs, key, 'system_us'):.2f}",
             f"{median(runs, key, 'qps'):.0f}", f"{sum(column(runs, key, 'lost'))}",
             f"{answered_share(runs, key):.2%}", f"{median(runs, key, 'latency_ms'):.2f}"]
            + [say(runs, key) for _, say in extra]
            + [figures.ratio_text(against[key]) if key in against else ""] for key in runs]
    return figures.table(head + [f"{ours} / this [95 %]"], rows)


def remarks(options, not_measured, verdicts):
    """What stands under the tables."""
    text = f"\n\nmedians of {options.rounds} rounds of {options.seconds} s\n"
    text += "".join(f"\nnot measured: {key}: {why}" for key, why in not_measured.items())
    return text + "".join("\n" + figures.claim_text(c) for c in verdicts)
