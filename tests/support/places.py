# SPDX-License-Identifier: BSD-2-Clause
"""Name servers that answer every name with their own address, so that a client sees who was asked.

Their answers have TTL 0: nobody on the way may keep one, and every question is a question again.
"""

import itertools
import json
import socket

from support import wire
from support.client import Client
from support.process import patience, run, wait_until
from support.ringdns import NO_CACHE, Ringdns, binary, endpoint
from support.servers import Knot, Unbound

WINDOW = 50  # questions of one client under way: no socket's queue is too short for them
_fresh = itertools.count()


def zone(mark):
    return ("$TTL 0\n@ SOA ns.place.example. admin.place.example. 1 3600 600 86400 0\n"
            f"@ NS ns.place.example.\n* A {mark}\n* PTR {label(mark)}.place.example.\n"
            f"* TXT \"{mark}\"\n")


def label(mark):
    return "at-" + mark.replace(".", "-")


class Place(Knot):
    """Every name below the root, or below ZONES, is at MARK, by default its own address."""

    def __init__(self, address, namespace, *, mark=None, zones=(".",)):
        self.address, self.mark = address, mark or address
        super().__init__({each: zone(self.mark) for each in zones}, addresses=(address,),
                         namespace=namespace, counting=True)

    def asked(self, kind="A"):
        """How many questions of a type came. The forwarder's own are of type NS and TXT, those that
        wait for a start of type SOA."""
        return self.counts().get(f"query-type[{kind}]", 0)


class UnboundPlace(Unbound):
    """The same as a resolver. LOG: it writes down every question with the address that asked, in
    process.output(). SILENT: names that, with all below them, are never answered."""

    def __init__(self, address, namespace, *, silent=(), addresses=(), log=True, **kw):
        self.address = self.mark = address
        data = f'". 0 IN A {address}"', f'". 0 IN PTR {label(address)}.place.example."'
        settings = [f"log-queries: {'yes' if log else 'no'}", 'local-zone: "." redirect',
                    'local-data: ". 0 IN SOA ns.example. a.example. 1 3600 600 86400 0"',
                    *(f"local-data: {each}" for each in data),
                    *(f'local-zone: "{each}." deny' for each in silent)]
        super().__init__(addresses=(address, *addresses), namespace=namespace, settings=settings,
                         **kw)


def config(pools, **more):
    """A configuration file with POOLS, a dict of name -> options, and MORE; without a cache, unless
    MORE has one. A pool's servers may be endpoints, places, or (place, further options of that
    server). JSON is YAML."""
    def server(each):
        place, options = each if isinstance(each, tuple) else (each, {})
        where = place if isinstance(place, str) else endpoint(*place.servers[0])
        return {"address": where, **options} if options else where

    whole = {"cache": NO_CACHE, **more, "upstreams": {
        name: {**pool, "servers": [server(each) for each in pool["servers"]]}
        for name, pool in pools.items()}}
    return json.dumps(whole).encode()


def fresh(count, below="example"):
    """COUNT names that nothing in this process has asked for yet."""
    return [f"n{next(_fresh)}.{below}" for _ in range(count)]


def ask(client, names, qtype=wire.A):
    """name -> its answer, each asked once, some at a time."""
    waiting, answers, names = {}, {}, list(names)
    for at in range(len(names)):
        ident = at % wire.FENCE_IDS
        waiting[ident] = names[at]
        client.send(wire.query(names[at], qtype, ident=ident))
        while len(waiting) >= WINDOW or waiting and at == len(names) - 1:
            message = client.answer(10)
            answers[waiting.pop(message.id)] = message
    return answers


def mark(message):
    """The place that gave this answer to a question for an address."""
    if message.rcode != wire.NOERROR or [each.type for each in message.answer] != [wire.A]:
        raise AssertionError(f"{wire.show(message.qname)}: not a place's answer: {message}")
    return socket.inet_ntoa(message.answer[0].rdata)


def who(client, names):
    """name -> the place that answered."""
    return {name: mark(message) for name, message in ask(client, names).items()}


def tally(client, names, among):
    """How many of NAMES each of the places AMONG answered, in their order."""
    seen = list(who(client, names).values())
    counts = [seen.count(place.mark) for place in among]
    if sum(counts) != len(seen):
        raise AssertionError(f"answers of others: {set(seen)}")
    return counts


def upstreams(ringdns):
    """What ringdnsctl says of each, in order."""
    text = run([binary("ringdnsctl"), "-s", ringdns.control, "upstreams", "--json"])
    return json.loads(text)["upstreams"]


def upstream(ringdns, place, pool=None):
    """What it says of one."""
    where = endpoint(*place.servers[0])
    one, = (each for each in upstreams(ringdns)
            if each["address"] == where and pool in (None, each["pool"]))
    return one


def wait_state(ringdns, place, *states, seconds=10):
    """What it says of PLACE, once that is in one of STATES."""
    seen = {}

    def look():
        seen.update(upstream(ringdns, place))
        return seen["state"] in states
    wait_until(look, patience(seconds), lambda: f"never {' or '.join(states)}: {seen}")
    return seen


def wait_down(ringdns, client, place):
    """Asks until PLACE, which is dead, is known to be down."""
    def look():
        who(client, fresh(20))
        return upstream(ringdns, place)["state"] == "down"
    wait_until(look, patience(15), lambda: f"never down: {upstream(ringdns, place)}")


class PlaceCase:
    """For unittest.TestCase: a namespace with places, and forwarders in front of them."""

    @classmethod
    def place(cls, address, **kw):
        return cls.enterClassContext(Place(address, cls.namespace, **kw))

    def serve(self, pools, *, args=(), more=None, **kw):
        """self.ringdns with these pools, self.client before it."""
        self.ringdns = self.enterContext(Ringdns(
            (), config=config(pools, **(more or {})), namespace=self.namespace, args=args, **kw))
        self.client = self.new_client()
        return self.ringdns

    def new_client(self, server="127.0.0.1"):
        return self.enterContext(Client((server, self.ringdns.port), namespace=self.namespace))

    def restore(self, *places):
        """Whatever a test kills is there again for the next."""
        for place in places:
            if not place.process.alive():
                place.process.kill()
                place.start()
