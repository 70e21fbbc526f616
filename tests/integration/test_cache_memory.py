# SPDX-License-Identifier: BSD-2-Clause
"""How much a cache of 250 MB holds, and how little more the process takes: a million small answers,
then others that are larger, then the first ones again. What is held is what is still answered when
the upstream is gone.

A sanitizer build gets a fifth of it all."""

import time
import unittest

from support import dnsperf, proc
from support.client import Client
from support.netns import Namespace
from support.places import fresh, wait_state
from support.process import SLOW, patience, scaled, wait_until
from support.ringdns import Ringdns
from support.servers import Knot

SIZE = scaled(250_000_000)
SMALL, LARGE = scaled(1_000_000), scaled(400_000)  # answers of about 70 and 300 bytes
MEMORY_MAX = (320 << 20) if not SLOW else SIZE + (640 << 20)
SMALL_MIN, LARGE_MIN, AGAIN_MIN = 0.995, 0.95, 0.95
ZONE = "memory.example"
TEXT = f"""$TTL 86400
@ SOA ns admin 1 3600 600 86400 300
@ NS ns
ns A 192.0.2.53
* A 192.0.2.1
* TXT "{"t" * 230}"
"""


class MemoryTest(unittest.TestCase):
    def setUp(self):
        self.namespace = self.enterContext(Namespace())
        self.knot = self.enterContext(
            Knot({ZONE: TEXT}, addresses=("127.0.0.2",), namespace=self.namespace))
        self.ringdns = self.enterContext(Ringdns(
            self.knot.servers, namespace=self.namespace, workers=2, config={"loop-probe": False},
            cache={"size": SIZE, "stale": "0s"}))
        self.client = self.enterContext(Client(("127.0.0.1", 53), namespace=self.namespace))

    def ask(self, count, qtype):
        """COUNT names once each, not faster than they are answered; dnsperf's counts."""
        lines = dnsperf.names(count, "n", ZONE)
        if qtype != "A":
            lines = lines.replace(" A\n", f" {qtype}\n")
        start = time.monotonic()
        result = dnsperf.load(("127.0.0.1", 53), lines, clients=16, outstanding=400,
                              preexec=(self.namespace.join,))
        print(f"# {count} {qtype}: {result.rcodes}, {result.lost} lost, {result.rate:.0f}/s, "
              f"{time.monotonic() - start:.1f} s")
        return result

    def fill(self, count, qtype):
        """They are asked while the upstream is there; then it goes. A busy machine's upstream may
        lose some packets three times in a row."""
        result = self.ask(count, qtype)
        failed = {name: value for name, value in self.ringdns.stats().items()
                  if name.startswith("failed_") and value}
        self.assertGreaterEqual(result.rcodes["NOERROR"], 0.999 * count, failed)
        print(f"# failed: {failed}")
        self.knot.process.stop()

    def restart(self):
        """The upstream is there again, and known to be."""
        self.knot.start()
        wait_until(lambda: self.client.query(*fresh(1, ZONE), seconds=8).rcode == 0, patience(20),
                   "the upstream is not found again")
        wait_state(self.ringdns, self.knot, "up")

    def held(self, count, qtype):
        """The share of them that is answered without an upstream."""
        before = self.ringdns.stats()
        result = self.ask(count, qtype)
        after = self.ringdns.stats()
        self.assertEqual(after["cache_hits"] - before["cache_hits"], result.rcodes["NOERROR"])
        return result.rcodes["NOERROR"] / count

    def check_memory(self):
        pid = self.ringdns.process.pid
        used = proc.memory(pid) + proc.memory(pid, "HugetlbPages")
        print(f"# {used / (1 << 20):.0f} MiB of memory")
        self.assertLessEqual(used, MEMORY_MAX)

    def test_a_cache_of_250_mb(self):
        self.fill(SMALL, "A")
        self.assertGreaterEqual(self.held(SMALL, "A"), SMALL_MIN)
        self.check_memory()

        self.restart()
        self.fill(LARGE, "TXT")
        self.assertGreaterEqual(self.held(LARGE, "TXT"), LARGE_MIN)
        self.check_memory()

        self.restart()
        self.fill(SMALL, "A")
        self.assertGreaterEqual(self.held(SMALL, "A"), AGAIN_MIN)
        self.check_memory()


if __name__ == "__main__":
    unittest.main()
