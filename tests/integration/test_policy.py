# SPDX-License-Identifier: BSD-2-Clause
"""Whom each policy asks, counted by who answers: knotd at several addresses, each of which answers
every name with its own."""

import unittest

from support import wire
from support.chance import chi_square
from support.hostile import Send, Upstream
from support.netns import Namespace
from support.places import PlaceCase, ask, fresh, tally, wait_down, wait_state, who
from support.process import patience, wait_until
from support.ringdns import endpoint

ADDRESSES = ("127.20.0.1", "127.20.0.2", "127.20.0.3")
SLOW = "127.20.0.9"
WEIGHTS = (1, 2, 5)
DICE = 1e-4  # honest dice look worse once in 10,000 times, and each test may throw them twice
MANY = 2000


class PolicyCase(PlaceCase, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.namespace = cls.enterClassContext(Namespace())
        cls.places = [cls.place(address) for address in ADDRESSES]

    def setUp(self):
        self.addCleanup(self.restore, *self.places)

    def serve_pool(self, servers=None, **pool):
        return self.serve({"default": {"servers": servers or self.places, **pool}})

    def assert_all(self, index, count=200):
        """Place INDEX of those of the test answers all of COUNT fresh names."""
        expected = [0] * len(self.places)
        expected[index] = count
        self.assertEqual(tally(self.client, fresh(count), self.places), expected)

    def assert_fair(self, throw, weights):
        """THROW() gives counts that are in proportion to WEIGHTS, at the second try if need be."""
        for _ in range(2):
            counts = throw()
            chance = chi_square(counts, weights)
            if chance > DICE:
                break
        self.assertGreater(chance, DICE, f"{counts} for {weights}")


class OrderedTest(PolicyCase):
    def setUp(self):
        super().setUp()
        self.serve_pool(policy="ordered")

    def test_first_gets_all(self):
        self.assert_all(0)

    def test_second_gets_all_while_the_first_is_dead(self):
        self.assert_all(0)
        self.places[0].process.kill()
        self.assert_all(1)
        wait_down(self.ringdns, self.client, self.places[0])
        self.assert_all(1)

    def test_third_gets_all_while_two_are_dead(self):
        for place in self.places[:2]:
            place.process.kill()
        self.assert_all(2)

    def test_first_gets_all_again_when_it_is_back(self):
        self.places[0].process.kill()
        wait_down(self.ringdns, self.client, self.places[0])
        self.places[0].start()
        wait_state(self.ringdns, self.places[0], "up")
        self.assert_all(0)


class SpreadTest(PolicyCase):
    def test_even_without_weights(self):
        self.serve_pool(policy="spread")
        self.assert_fair(lambda: tally(self.client, fresh(MANY), self.places), (1, 1, 1))

    def test_by_weights(self):
        self.serve_pool([(place, {"weight": weight})
                         for place, weight in zip(self.places, WEIGHTS)], policy="spread")
        self.assert_fair(lambda: tally(self.client, fresh(MANY), self.places), WEIGHTS)

    def test_dead_ones_share_goes_to_the_others_by_weights(self):
        self.serve_pool([(place, {"weight": weight})
                         for place, weight in zip(self.places, WEIGHTS)], policy="spread")
        self.places[2].process.kill()
        wait_down(self.ringdns, self.client, self.places[2])
        self.assert_fair(lambda: tally(self.client, fresh(MANY), self.places[:2]), WEIGHTS[:2])

    def test_names_are_not_bound_to_a_server(self):
        """The same names again fall anew: with two homes by chance, half of them move."""
        self.serve_pool(self.places[:2], policy="spread")
        names = fresh(100)
        before, after = who(self.client, names), who(self.client, names)
        moved = sum(before[name] != after[name] for name in names)
        self.assertTrue(20 <= moved <= 80, f"{moved} of 100 moved")  # 6 standard deviations


class HashTest(PolicyCase):
    def test_name_stays_with_its_server(self):
        self.serve_pool(policy="hash")
        names = fresh(300)
        home = who(self.client, names)
        for _ in range(4):
            self.assertEqual(who(self.client, names), home)
            self.assertEqual(who(self.new_client(), reversed(names)), home)

    def test_spelling_and_type_do_not_matter(self):
        self.serve_pool(policy="hash")
        names = fresh(100)
        home = who(self.client, names)
        shouted = who(self.client, [name.upper() for name in names])
        self.assertEqual({name.lower(): place for name, place in shouted.items()}, home)
        texts = ask(self.client, names, wire.TXT)
        self.assertEqual({name: message.texts() for name, message in texts.items()},
                         {name: [place.encode()] for name, place in home.items()})

    def test_name_stays_over_a_restart_with_the_list_in_another_order(self):
        self.serve_pool(policy="hash")
        names = fresh(300)
        home = who(self.client, names)
        self.ringdns.stop()
        self.serve_pool(self.places[::-1], policy="hash")
        self.assertEqual(who(self.client, names), home)

    def test_two_workers_agree(self):
        servers = {"default": {"servers": self.places, "policy": "hash"}}
        self.serve(servers, workers=2)
        names = fresh(100)
        home = who(self.client, names)
        for _ in range(16):  # clients, each with a socket that one of the workers serves
            self.assertEqual(who(self.new_client(), names), home)
        served = [worker["queries_udp"] for worker in self.ringdns.worker_stats()]
        self.assertGreater(min(served), 0)

    def test_names_are_spread(self):
        self.serve_pool(policy="hash")
        self.assert_fair(lambda: tally(self.client, fresh(MANY), self.places), (1, 1, 1))

    def test_names_are_spread_by_weights(self):
        self.serve_pool([(place, {"weight": weight})
                         for place, weight in zip(self.places, WEIGHTS)], policy="hash")
        self.assert_fair(lambda: tally(self.client, fresh(MANY), self.places), WEIGHTS)

    def test_only_a_dead_ones_names_move(self):
        self.serve_pool(policy="hash")
        names = fresh(600)
        home = who(self.client, names)
        dead = self.places[1]
        orphans = [name for name in names if home[name] == dead.mark]
        self.assertGreater(len(orphans), 0)
        dead.process.kill()
        wait_down(self.ringdns, self.client, dead)
        after = who(self.client, names)
        self.assertEqual([name for name in names if after[name] != home[name]], orphans)
        adopters = [after[name] for name in orphans]
        for place in (self.places[0], self.places[2]):
            self.assertIn(place.mark, adopters)

        dead.start()
        wait_state(self.ringdns, dead, "up")
        self.assertEqual(who(self.client, names), home)

    def test_new_server_takes_its_own_names_only(self):
        self.serve_pool(self.places[:2], policy="hash")
        names = fresh(300)
        home = who(self.client, names)
        self.ringdns.stop()
        self.serve_pool(self.places, policy="hash")
        after = who(self.client, names)
        moved = {after[name] for name in names if after[name] != home[name]}
        self.assertEqual(moved, {self.places[2].mark})


class Slow(Upstream):
    """A place behind a long way: its replies are late by self.delay seconds."""

    def __init__(self, delay, namespace, address=SLOW):
        self.delay, self.mark = delay, address
        super().__init__(lambda arrival: [
            Send(wire.address_reply(arrival.message, address, 0), self.delay)],
            (address,), 53, namespace)


class FastestTest(PolicyCase):
    SHARE_MAX = 0.05  # one in 32 questions goes anywhere: a third of these to the slow one, 1 %

    def wait_known(self, among):
        """Until the first of them is known to be slow."""
        wait_until(lambda: tally(self.client, fresh(200), among)[0] < 20, patience(10),
                   "a slow server gets as much as the others")

    def test_slow_one_gets_little_and_is_explored(self):
        slow = self.enterContext(Slow(0.1, self.namespace))
        among = [slow, *self.places[:2]]
        self.serve({"default": {"policy": "fastest", "servers": [
            endpoint(*each.servers[0]) for each in among]}})
        self.wait_known(among)
        counts = tally(self.client, fresh(MANY), among)
        self.assertGreater(counts[0], 0, "nobody sees whether it is faster now")
        self.assertLess(counts[0], MANY * self.SHARE_MAX)

    def test_equal_ones_all_work(self):
        self.serve_pool(policy="fastest")
        counts = tally(self.client, fresh(MANY), self.places)
        # Nothing but noise tells them apart; a fair share each is not promised.
        self.assertGreater(min(counts), MANY * self.SHARE_MAX / len(counts) / 2, counts)

    def test_slow_one_that_recovers_is_used_again(self):
        slow = self.enterContext(Slow(0.2, self.namespace))
        other = self.enterContext(Slow(0.005, self.namespace, "127.20.0.10"))
        self.serve({"default": {"policy": "fastest",
                                "servers": [endpoint(*each.servers[0]) for each in (slow, other)]}})
        among = [slow, other]
        self.wait_known(among)
        slow.delay = 0
        wait_until(lambda: tally(self.client, fresh(200), among)[0] > 100, patience(30),
                   "it is the fastest by far and was not found again")


class TierTest(PolicyCase):
    def setUp(self):
        super().setUp()
        self.serve_pool([self.places[0], self.places[1], (self.places[2], {"tier": 1})],
                        policy="spread")

    def backup(self, count=300):
        return tally(self.client, fresh(count), self.places)[2]

    def test_backup_sees_nothing_while_all_are_well(self):
        before = self.places[2].asked()
        self.assertEqual(self.backup(1000), 0)
        self.assertEqual(self.places[2].asked(), before)

    def test_backup_sees_nothing_while_one_is_well(self):
        self.places[0].process.kill()
        self.assertEqual(self.backup(), 0)
        wait_down(self.ringdns, self.client, self.places[0])
        self.assertEqual(self.backup(), 0)

    def test_backup_gets_all_while_the_others_are_dead(self):
        for place in self.places[:2]:
            place.process.kill()
        self.assert_all(2)
        for place in self.places[:2]:
            wait_down(self.ringdns, self.client, place)
        self.assert_all(2)

    def test_backup_sees_nothing_again_when_one_is_back(self):
        for place in self.places[:2]:
            place.process.kill()
        for place in self.places[:2]:
            wait_down(self.ringdns, self.client, place)
        self.places[1].start()
        wait_state(self.ringdns, self.places[1], "up")
        self.assert_all(1)


if __name__ == "__main__":
    unittest.main()
