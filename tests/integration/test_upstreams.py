# SPDX-License-Identifier: BSD-2-Clause
"""`ringdnsctl upstreams` while upstreams live and die: its counters beside what they saw
themselves, states and since when they hold."""

import calendar
import json
import re
import signal
import time
import unittest

from support import wire
from support.hostile import Send, Upstream, silent
from support.netns import Namespace
from support.places import (PlaceCase, ask, fresh, tally, upstream, upstreams, wait_down,
                            wait_state, who)
from support.process import patience, run, wait_until
from support.ringdns import binary, endpoint
from support.servers import Knot

FIRST, SECOND, THIRD = "127.20.0.1", "127.20.0.2", "127.20.0.3"
ODD = "127.20.0.9"
EMPTY_ROOT = "$TTL 0\n@ SOA ns.example. admin.example. 1 3600 600 86400 0\n@ NS ns.example.\n"


def seconds(text):
    """Since the epoch, of RFC 3339 in UTC."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


class UpstreamsCase(PlaceCase, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.namespace = cls.enterClassContext(Namespace())
        cls.places = [cls.place(address) for address in (FIRST, SECOND)]

    def setUp(self):
        self.addCleanup(self.restore, *self.places)

    def ctl(self, *command):
        return run([binary("ringdnsctl"), "-s", self.ringdns.control, *command])

    def line(self, place):
        """The table's line for PLACE: its mark, and its words."""
        line, = (each for each in self.ctl("upstreams").splitlines()
                 if f" {endpoint(*place.servers[0])} " in each)
        return line[0], line[1:].split()

    def counters(self, place):
        return upstream(self.ringdns, place)["counters"]

    def odd(self, behaviour):
        return self.enterContext(Upstream(behaviour, (ODD,), 53, self.namespace))

    def wait_so(self, place, counter, values):
        """Until one of PLACE's counters has one of these values."""
        wait_until(lambda: self.counters(place)[counter] in values, patience(5),
                   lambda: f"{counter} never in {values}: {self.counters(place)}")

    def wait_counters(self, place, expected):
        """Until PLACE's counters are so, those that EXPECTED names."""
        seen = {}

        def look():
            seen.update(self.counters(place))
            return {name: seen[name] for name in expected} == expected
        wait_until(look, patience(5), lambda: f"never {expected}: {seen}")


class CountersTest(UpstreamsCase):
    @staticmethod
    def saw(place):
        """Questions that came, our own (SOA) left out."""
        return sum(count for name, count in place.counts().items()
                   if name.startswith("query-type[") and name != "query-type[SOA]")

    def check_agreement(self, protocol, counter, **pool):
        before = [(self.saw(place), place.counts().get(protocol, 0)) for place in self.places]
        self.serve({"default": {"servers": self.places, "policy": "spread", **pool}}, workers=2)
        counts = tally(self.client, fresh(400), self.places)
        self.ringdns.wait_quiet()
        for place, (saw, arrived), count in zip(self.places, before, counts):
            with self.subTest(place.address):
                expected = self.saw(place) - saw
                self.assertGreaterEqual(expected, count)
                self.wait_counters(place, {counter: expected, "noerror": expected, "retries": 0,
                                           "timeouts": 0, "refused": 0, "outstanding": 0})
                self.assertEqual(place.counts()[protocol] - arrived, expected)
                timed = upstream(self.ringdns, place)["rtt"]["count"]
                # While a connection was being made nothing is measured.
                self.assertTrue(expected == timed or counter == "sent_tcp" and timed < expected)

    def test_they_agree_with_what_upstreams_saw(self):
        self.check_agreement("request-protocol[udp4]", "sent")

    def test_they_agree_over_tcp(self):
        self.check_agreement("request-protocol[tcp4]", "sent_tcp", transport="tcp")

    def test_totals_are_the_sums(self):
        self.serve({"default": {"servers": self.places, "policy": "spread"}})
        who(self.client, fresh(100))
        stats = self.ringdns.wait_quiet()
        self.assertEqual(sum(self.counters(place)["sent"] for place in self.places),
                         stats["upstream_sent"])

    def test_answers_by_rcode(self):
        """Of one that knows no name at all."""
        nothing = self.enterContext(Knot({".": EMPTY_ROOT}, addresses=(THIRD,),
                                         namespace=self.namespace))
        self.serve({"default": {"servers": [nothing]}}, more={"loop-probe": False})
        answers = ask(self.client, fresh(7))
        self.assertEqual({each.rcode for each in answers.values()}, {wire.NXDOMAIN})
        self.wait_counters(nothing, {"nxdomain": 7, "noerror": 0, "sent": 7})

    def test_failures_and_who_was_asked_instead(self):
        stranger = self.odd(lambda arrival: [Send(wire.reply(arrival.message, rcode=wire.REFUSED))])
        self.serve({"default": {"policy": "ordered", "servers": [endpoint(ODD, 53),
                                                                 self.places[0]]}})
        self.ringdns.wait_quiet()
        before = self.counters(stranger)["refused"]
        self.assertEqual(tally(self.client, fresh(9), self.places), [9, 0])
        self.wait_counters(stranger, {"refused": before + 9, "timeouts": 0})
        self.wait_counters(self.places[0], {"retries": 9, "refused": 0})

    def test_time_outs_and_who_was_asked_instead(self):
        """Fewer than what makes a server suspect."""
        self.serve({"default": {"servers": self.places, "policy": "ordered"}})
        self.ringdns.wait_quiet()
        first = self.places[0].process
        self.addCleanup(first.signal, signal.SIGCONT)
        first.freeze()
        self.assertEqual(tally(self.client, fresh(5), self.places), [0, 5])
        self.wait_counters(self.places[0], {"timeouts": 5, "retries": 0})
        self.wait_counters(self.places[1], {"timeouts": 0, "retries": 5})
        self.assertEqual(upstream(self.ringdns, self.places[0])["state"], "up")

    def test_what_is_under_way_and_the_cap(self):
        quiet = self.odd(silent)
        self.serve({"default": {"servers": [endpoint(ODD, 53)]}},
                   more={"loop-probe": False, "in-flight": {"per-upstream": 100}})
        for name in fresh(20):
            self.client.send(wire.query(name))
        quiet.wait_asked(count=20)

        def look():
            """Each question, and what was sent again for it; or a probe more, once it is late."""
            seen.update(self.counters(quiet))
            return seen["outstanding"] - seen["retries"] in (20, 21)
        seen = {}
        wait_until(look, patience(5), lambda: f"never 20: {seen}")
        self.assertEqual(seen["cap"], 100)
        self.assertTrue(any(re.fullmatch(r"[0-9]+/100", cell) for cell in self.line(quiet)[1]))

    def test_connections(self):
        self.serve({"default": {"servers": self.places[:1], "transport": "tcp"}},
                   more={"tcp": {"upstream-idle": "2s", "per-worker": 2}})
        who(self.client, fresh(30))
        self.wait_so(self.places[0], "links", {1, 2})
        self.wait_so(self.places[0], "links", {0})

    def test_round_trip_times(self):
        """As long as they really took; the upper bounds have room for a busy machine."""
        delay = 0.05
        slow = self.odd(lambda arrival: [
            Send(wire.address_reply(arrival.message, ODD, 0), delay)])
        self.serve({"default": {"servers": [endpoint(ODD, 53)]}}, more={"loop-probe": False})
        who(self.client, fresh(50))
        rtt = upstream(self.ringdns, slow)["rtt"]
        self.assertEqual(rtt["count"], 50)
        self.assertEqual(sum(count for _, count in rtt["buckets"]), 50)
        for field in ("mean_us", "median_us", "p95_us", "p99_us"):
            self.assertTrue(delay * 1e6 <= rtt[field] <= patience(delay * 1e6 * 2), (field, rtt))
        self.assertLessEqual(rtt["median_us"], rtt["p95_us"])


class StateTest(UpstreamsCase):
    def setUp(self):
        super().setUp()
        self.first, self.second = self.places
        self.serve({"default": {"servers": self.places, "policy": "ordered"}})

    def assert_since(self, seen, begin, end):
        """What began between two times of the wall clock, in whole seconds as it is shown."""
        since = seconds(seen["since"])
        self.assertTrue(int(begin) - 1 <= since <= end + 1, (begin, since, end))
        self.assertTrue(0 <= seen["for_s"] <= time.time() - since + 1, seen)

    def test_nothing_has_happened_yet(self):
        who(self.client, fresh(10))
        for one in upstreams(self.ringdns):
            self.assertEqual((one["state"], one["since"], one["for_s"]), ("up", None, None))

    def test_down_and_since_when(self):
        begin = time.time()
        self.first.process.kill()
        wait_down(self.ringdns, self.client, self.first)
        self.assert_since(upstream(self.ringdns, self.first), begin, time.time())
        marked, words = self.line(self.first)
        self.assertEqual((marked, words[2]), ("!", "down"))
        self.assertRegex(words[3], r"^\d+[sm]$")
        self.assertEqual(self.line(self.second)[0], " ")

    def test_status_names_who_is_not_up(self):
        self.first.process.kill()
        wait_down(self.ringdns, self.client, self.first)
        said = json.dumps(json.loads(self.ctl("status", "--json"))["not_up"])
        self.assertIn(f"{FIRST}:53", said)
        self.assertIn("down", said)
        self.assertNotIn(SECOND, said)

    def test_up_again_and_since_when(self):
        self.first.process.kill()
        wait_down(self.ringdns, self.client, self.first)
        down = upstream(self.ringdns, self.first)
        begin = time.time()
        self.first.start()
        up = wait_state(self.ringdns, self.first, "up")
        self.assert_since(up, begin, time.time())
        self.assertGreaterEqual(seconds(up["since"]), seconds(down["since"]))
        marked, words = self.line(self.first)
        self.assertEqual((marked, words[2]), (" ", "up"))

    def test_silence_is_suspect_then_down(self):
        self.addCleanup(self.first.process.signal, signal.SIGCONT)
        self.first.process.freeze()
        seen = []

        def look():
            who(self.client, fresh(10))
            seen.append(upstream(self.ringdns, self.first)["state"])
            return seen[-1] == "down"
        wait_until(look, patience(15), lambda: f"never down: {seen}")
        self.assertLessEqual(set(seen), {"up", "suspect", "down"})
        self.assertEqual(seen, sorted(seen, key=["up", "suspect", "down"].index))
        self.assertGreaterEqual(self.counters(self.first)["timeouts"], 8)
        self.first.process.signal(signal.SIGCONT)
        wait_state(self.ringdns, self.first, "up")

    def test_failing_for_many_suffixes_is_degraded(self):
        """SERVFAIL for one domain says nothing of the server, for many it does."""
        stranger = self.odd(lambda arrival: [Send(wire.reply(arrival.message,
                                                             rcode=wire.SERVFAIL))])
        self.ringdns.stop()
        self.serve({"default": {"policy": "ordered", "servers": [endpoint(ODD, 53), self.second]}},
                   more={"loop-probe": False})
        who(self.client, fresh(40, "one.example"))
        self.assertEqual(upstream(self.ringdns, stranger)["state"], "up")
        who(self.client, [f"www.{name}" for name in fresh(40)])
        seen = upstream(self.ringdns, stranger)
        self.assertEqual(seen["state"], "degraded")
        self.assertEqual(self.line(stranger)[0], "!")


if __name__ == "__main__":
    unittest.main()
