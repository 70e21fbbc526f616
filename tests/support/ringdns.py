# SPDX-License-Identifier: BSD-2-Clause
"""The forwarder under test: started from the build tree that RINGDNS_BUILD names, asked for its
counters, stopped, and then judged by its exit status and by what the sanitizers said.

RINGDNS_IO names the back end that tests use which do not care (default: auto).
"""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import tempfile

from support.process import BUILD, Process, patience, run, wait_until

IO = os.environ.get("RINGDNS_IO") or "auto"
SANITIZER = ("Sanitizer", "runtime error:")


def binary(name="ringdns"):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        raise AssertionError(f"{path} is not there: build it, or set RINGDNS_BUILD")
    return path


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def endpoint(address, port):
    """As the command line and the file write it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def free_port(addresses=("127.0.0.1",)):
    """A UDP and TCP port that nobody has on any of ADDRESSES.

    None that the kernel gives out by itself: dig sets SO_REUSEPORT, so it would now and then be
    given our listener's port, and talk to itself."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first, last = map(int, file.read().split())
    choice = [*range(10000, first), *range(last + 1, 65536)] or range(10000, 65536)
    for port in random.sample(choice, min(100, len(choice))):
        with contextlib.ExitStack() as stack:
            try:
                for address in addresses:
                    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                        sock = stack.enter_context(socket.socket(family(address), kind))
                        sock.bind((address, port))
                return port
            except OSError:
                continue
    raise AssertionError(f"no port is free on {addresses}")


def yaml(value, indent=0):
    """The configuration VALUE (dicts, lists, scalars) as a file. Enough YAML for that, no more."""
    if isinstance(value, dict):
        lines = []
        for key, inner in value.items():
            text = yaml(inner, indent + 2)
            gap = "\n" if isinstance(inner, dict) else " "
            lines.append(f"{' ' * indent}{key}:{gap}{text}")
        return "\n".join(lines)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(yaml(each) for each in value) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int) else json.dumps(value)


NO_CACHE = {"size": 0}


def config_file(config, cache):
    """The bytes of a file, from what Ringdns is given."""
    if isinstance(config, bytes):
        return config
    options = NO_CACHE if cache is None else cache
    whole = {**({"cache": options} if options else {}), **(config or {})}
    return yaml(whole).encode() + b"\n"


class Ringdns:
    """A running forwarder.

    LISTEN: addresses without a port (one free port for all of them is found, or PORT). FORWARD:
    (address, port) of the upstreams. CONFIG: a dict, or the bytes of a file. CACHE: a dict of the
    options below cache, {} for their defaults; without it nothing is kept, and every question goes
    upstream (where CONFIG is bytes: as they say). The context manager's end stops it and asserts
    that it exits 0 and that no sanitizer reported.
    """

    def __init__(self, forward=(), *, listen=("127.0.0.1",), port=None, config=None, workers=1,
                 io=IO, args=(), preexec=(), namespace=None, control=None, program=None,
                 cache=None):
        self.folder = tempfile.mkdtemp(prefix="ringdns-test-")
        os.chmod(self.folder, 0o755)
        self.control = control or os.path.join(self.folder, "control.sock")
        self.port = port or (53 if namespace else free_port(listen))
        self.listen = listen
        self.file = os.path.join(self.folder, "ringdns.yaml")
        with open(self.file, "wb") as file:
            file.write(config_file(config, cache))
        argv = [program or binary(), "-c", self.file]
        for address in listen:
            argv += ["--listen", endpoint(address, self.port)]
        for address, upstream_port in forward:
            argv += ["--forward", endpoint(address, upstream_port)]
        argv += ["--workers", str(workers)] if workers else []
        argv += ["--io", io] if io else []
        argv += ["--control", self.control, *args]
        self.preexec = tuple(preexec) + ((namespace.join,) if namespace else ())
        self.process = Process(argv, preexec=self.preexec)

    def wait_ready(self, seconds=10):
        self.process.wait_for(r"\bready\b", seconds)
        return self

    def __enter__(self):
        try:
            return self.wait_ready()
        except BaseException:
            self.process.kill()
            self._tidy()
            raise

    def __exit__(self, *_):
        self.stop()

    def stop(self, number=signal.SIGTERM):
        """Ends it, and asserts that it went well."""
        died = not self.process.alive()
        self.process.signal(number)
        try:
            status = self.process.wait(10)
        finally:
            self._tidy()
        self.judge(status, "died before it was stopped" if died else "stopped")

    def judge(self, status, what="ended", expected=0):
        """Asserts its exit status, and that no sanitizer reported; its folder goes."""
        self._tidy()
        output = self.process.output()
        if status != expected:
            raise AssertionError(self.process.report(f"{what} with {status}, not {expected}"))
        if any(word in output for word in SANITIZER):
            raise AssertionError(self.process.report("has a sanitizer's report"))
        return output

    def failed(self, expected=(1,), seconds=10):
        """It must end by itself with one of the statuses EXPECTED; gives what it said."""
        try:
            status = self.process.wait(seconds)
        finally:
            self._tidy()
        if status not in expected or any(word in self.process.output() for word in SANITIZER):
            raise AssertionError(self.process.report(f"should have ended with {expected}"))
        return self.process.output()

    def _tidy(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def _stats(self):
        text = run([binary("ringdnsctl"), "-s", self.control, "stats", "--json"])
        try:
            return json.loads(text)
        except ValueError:
            raise AssertionError(f"ringdnsctl stats --json is not JSON:\n{text}") from None

    def stats(self):
        """Every counter, summed over the workers."""
        return self._stats()["total"]

    def worker_stats(self):
        """Every counter of each worker, by the worker's number."""
        workers = self._stats()["workers"]
        return [each["stats"] for each in sorted(workers, key=lambda each: each["worker"])]

    def wait_stats(self, condition, seconds=5):
        """The counters, once CONDITION holds of them; AssertionError with them at the deadline."""
        seen = {}

        def look():
            seen.update(self.stats())
            return condition(seen)
        wait_until(look, patience(seconds),
                   lambda: f"never so: { {name: n for name, n in seen.items() if n} }")
        return seen

    def wait_quiet(self, seconds=5):
        """Until no question is under way and nobody waits."""
        return self.wait_stats(lambda now: not now["inflight"] and not now["waiters"], seconds)
