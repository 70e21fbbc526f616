# SPDX-License-Identifier: BSD-2-Clause
"""A reload that changes pools, routes and policies while questions are under way, under load: each
is answered, by the old configuration or the new one."""

import itertools
import json
import signal
import unittest

from support import dnsperf, wire
from support.hostile import Upstream, silent
from support.netns import Namespace
from support.places import PlaceCase, config, fresh, mark, tally, upstream, wait_down, who
from support.process import patience, run, scaled, wait_until
from support.ringdns import binary, endpoint

FIRST, SECOND, THIRD = "127.20.0.1", "127.20.0.2", "127.20.0.3"
HELD, HELD_ALSO = "127.20.0.9", "127.20.0.10"
SECONDS, RELOADS = 6, 30  # whichever ends first


class ReloadCase(PlaceCase, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.namespace = cls.enterClassContext(Namespace())
        cls.first, cls.second, cls.third = (
            cls.place(address) for address in (FIRST, SECOND, THIRD))

    def generation(self):
        return json.loads(run([binary("ringdnsctl"), "-s", self.ringdns.control, "status",
                               "--json"]))["generation"]

    def reload(self, pools, **more):
        """The new configuration is the one that the next query meets."""
        before = self.generation()
        with open(self.ringdns.file, "wb") as file:
            file.write(config(pools, **more))
        self.ringdns.process.signal(signal.SIGHUP)
        wait_until(lambda: self.generation() > before, patience(10),
                   lambda: f"not taken: {self.ringdns.process.output()}")


class LoadTest(ReloadCase):
    """Names below example and below corp.example, by two dnsperf."""

    def configurations(self):
        """(who answers www.corp.example, pools, the rest): the default pool's policy, servers and
        transport change, the other pool comes and goes, the route leads here and there."""
        first, second, third = self.first, self.second, self.third
        return (
            ({FIRST, SECOND}, {"default": {"servers": [first, second], "policy": "spread"}}, {}),
            ({THIRD}, {"default": {"servers": [second], "policy": "ordered"},
                       "corp": {"servers": [third]}}, {"routes": {"corp.example": "corp"}}),
            ({SECOND}, {"default": {"servers": [(third, {"weight": 3}), first], "policy": "hash"},
                        "corp": {"servers": [second], "transport": "tcp"}},
             {"routes": {"corp.example": "corp", "other.example": "corp"}}),
            ({FIRST}, {"default": {"servers": [first, (third, {"tier": 1})], "transport": "tcp"},
                       "corp": {"servers": [second], "randomize-case": True}},
             {"routes": {"corp.example": "default", "other.example": "corp"}}),
        )

    def flood(self, rate, zone):
        return self.enterContext(dnsperf.Flood(("127.0.0.1", 53), rate, SECONDS, zone=zone,
                                               namespace=self.namespace))

    def check(self, workers):
        turns = self.configurations()
        _, pools, more = turns[0]
        self.serve(pools, more=more, workers=workers)
        floods = [self.flood(scaled(2000), "example"), self.flood(scaled(1000), "corp.example")]
        wait_until(lambda: self.ringdns.stats()["queries_led"] > 100, patience(5), "no load")
        done = 0
        for corp, pools, more in itertools.islice(itertools.cycle(turns), 1, 1 + RELOADS):
            if not all(flood.running() for flood in floods):
                break
            self.reload(pools, **more)
            self.assertLessEqual(set(who(self.client, fresh(3, "corp.example")).values()), corp)
            done += 1
        results = [flood.finish()[0] for flood in floods]
        print(f"# {done} reloads, {[result.sent for result in results]} queries, "
              f"{[result.lost for result in results]} lost")
        self.assertGreaterEqual(done, len(turns))
        for result in results:
            self.assertEqual((result.lost, result.rcodes), (0, {"NOERROR": result.sent}))
        self.assertEqual(self.ringdns.wait_quiet()["failed_route"], 0)

    def test_one_worker(self):
        self.check(1)

    def test_two_workers(self):
        self.check(2)


class UnderWayTest(ReloadCase):
    """Questions that wait for a reply while everything changes around them."""

    def setUp(self):
        self.held = self.enterContext(Upstream(silent, (HELD,), 53, self.namespace))
        self.begin()

    def begin(self):
        self.serve({"default": {"servers": [self.first]},
                    "corp": {"servers": [endpoint(HELD, 53)]}},
                   more={"routes": {"corp.example": "corp"}, "loop-probe": False})

    def ask_and_hold(self, name="www.corp.example"):
        self.client.send(wire.query(name))
        return self.held.wait_asked(name)[0]

    def release(self, arrival):
        self.held.send(wire.address_reply(arrival.message, HELD), arrival.peer)
        self.assertEqual(mark(self.client.answer()), HELD)

    def test_reply_counts_though_its_server_left_the_pool(self):
        arrival = self.ask_and_hold()
        self.reload({"default": {"servers": [self.first]}, "corp": {"servers": [self.second]}},
                    routes={"corp.example": "corp"})
        self.assertEqual(who(self.new_client(), ["new.corp.example"]), {"new.corp.example": SECOND})
        self.release(arrival)

    def test_reply_counts_though_its_pool_is_gone(self):
        arrival = self.ask_and_hold()
        self.reload({"default": {"servers": [self.first]}})
        self.assertEqual(who(self.new_client(), ["new.corp.example"]), {"new.corp.example": FIRST})
        self.release(arrival)

    def test_next_attempt_goes_to_the_pools_new_server(self):
        self.ask_and_hold()
        self.reload({"default": {"servers": [self.first]}, "corp": {"servers": [self.second]}},
                    routes={"corp.example": "corp"})
        self.assertEqual(mark(self.client.answer()), SECOND)

    def test_question_whose_pool_is_gone_fails_in_the_end(self):
        """It is never asked elsewhere: another pool's servers may not know of it."""
        before = self.first.asked()
        self.ask_and_hold()
        self.reload({"default": {"servers": [self.first]}})
        answer = self.client.answer(10)
        self.assertEqual((answer.rcode, self.first.asked()), (wire.SERVFAIL, before))

    def test_equal_questions_of_old_and_new_pools_are_kept_apart(self):
        arrival = self.ask_and_hold("same.corp.example")
        self.reload({"default": {"servers": [self.first]}})
        self.assertEqual(who(self.new_client(), ["same.corp.example"]),
                         {"same.corp.example": FIRST})
        self.release(arrival)


class StateTest(ReloadCase):
    """What is known of a server stays, wherever it stands in the new configuration."""

    def setUp(self):
        self.addCleanup(self.restore, self.first)
        self.serve({"default": {"servers": [self.first, self.second], "policy": "spread"}},
                   more={"loop-probe": False})

    def reload_ordered(self, *places):
        self.reload({"default": {"servers": places, "policy": "ordered"}}, **{"loop-probe": False})

    def test_counters_stay(self):
        who(self.client, fresh(100))
        before = [upstream(self.ringdns, place)["counters"]["sent"]
                  for place in (self.first, self.second)]
        self.reload_ordered(self.second, self.first)
        self.assertEqual(tally(self.client, fresh(50), [self.first, self.second]), [0, 50])
        after = [upstream(self.ringdns, place)["counters"]["sent"]
                 for place in (self.first, self.second)]
        self.assertEqual(after, [before[0], before[1] + 50])

    def test_server_that_is_down_stays_down(self):
        self.first.process.kill()
        wait_down(self.ringdns, self.client, self.first)
        asked = upstream(self.ringdns, self.first)["counters"]["timeouts"]
        self.reload_ordered(self.first, self.second)
        self.assertEqual(tally(self.client, fresh(50), [self.first, self.second]), [0, 50])
        seen = upstream(self.ringdns, self.first)
        self.assertEqual((seen["state"], seen["counters"]["timeouts"]), ("down", asked))


if __name__ == "__main__":
    unittest.main()
