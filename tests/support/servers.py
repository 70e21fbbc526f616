# SPDX-License-Identifier: BSD-2-Clause
"""Other people's name servers, run with files of their own in a folder that goes with them:
knotd and nsd as authoritative servers, unbound as the resolver that walks.

Each is ready when it has answered a query, not when it says so.
"""

import os
import re
import shutil
import socket
import tempfile

from support import wire
from support.process import Process, patience, run, wait_until
from support.ringdns import family, free_port


class Server:
    """NAMESPACE: where it runs; its port is 53 there, unless given."""

    program = ""

    def __init__(self, addresses=("127.0.0.1",), port=None, namespace=None):
        if not shutil.which(self.program):
            raise AssertionError(f"{self.program} is not installed")
        self.addresses = addresses
        self.namespace = namespace
        self.port = port or (53 if namespace else free_port(addresses))
        self.servers = [(address, self.port) for address in addresses]
        self.folder = tempfile.mkdtemp(prefix=f"ringdns-{self.program}-")
        self.process = None

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def launch(self, argv, *probes):
        """PROBES: names whose SOA must be answered with NOERROR on the first address."""
        self._argv, self._probes = argv, probes
        return self.start()

    def start(self, ready=True):
        """Once more, after process.kill(). READY: waits until it answers."""
        join = (self.namespace.join,) if self.namespace else ()
        self.process = Process(self._argv, preexec=join, cwd=self.folder)
        try:
            for probe in self._probes if ready else ():
                wait_until(lambda: self.answers(probe), patience(20),
                           lambda: self.process.report(f"did not answer for {probe}"))
        except BaseException:
            self.close()
            raise
        return self

    def answers(self, probe):
        """Does it answer for this name now? It must be running."""
        make = self.namespace.socket if self.namespace else socket.socket
        with make(family(self.addresses[0]), socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            try:
                sock.connect(self.servers[0])
                sock.send(wire.query(probe, wire.SOA))
                return wire.parse(sock.recv(65535)).rcode == wire.NOERROR
            except OSError:
                if not self.process.alive():
                    raise AssertionError(self.process.report("did not start")) from None
                return False

    def close(self):
        if self.process:
            self.process.stop(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


COUNTING = """mod-stats:
  - id: all
    query-type: on
    request-protocol: on
template:
  - id: default
    global-module: mod-stats/all
"""


class Knot(Server):
    """Authoritative for ZONES: a dict of name -> zone file's text. SIGNED: names to sign. COUNTING:
    it keeps statistics, see counts()."""

    program = "knotd"

    def __init__(self, zones, *, signed=(), workers=1, counting=False, **kw):
        super().__init__(**kw)
        os.mkdir(os.path.join(self.folder, "db"))
        listens = "\n".join(f"  listen: {address}@{self.port}" for address in self.addresses)
        text = f"""
server:
  rundir: {self.folder}
{listens}
  udp-workers: {workers}
  tcp-workers: 1
  background-workers: 1
  udp-max-payload: 4096
database:
  storage: {self.folder}/db
log:
  - target: stderr
    any: warning
policy:
  - id: ecdsa
    algorithm: ecdsap256sha256
    single-type-signing: on
"""
        if counting:
            text += COUNTING
        text += "zone:\n"
        for number, (zone, content) in enumerate(zones.items()):
            path = self.write(f"{number}.zone", content)
            text += (f"  - domain: \"{zone}\"\n    file: {path}\n    zonefile-load: whole\n"
                     "    zonefile-sync: -1\n    journal-content: none\n    semantic-checks: off\n")
            if zone in signed:
                text += "    dnssec-signing: on\n    dnssec-policy: ecdsa\n"
        self.launch([self.program, "-c", self.write("knot.conf", text)], *zones)

    def counts(self):
        """All counters of its statistics module that are not 0, as {"query-type[A]": 5}."""
        text = run(["knotc", "-s", os.path.join(self.folder, "knot.sock"), "stats", "mod-stats"])
        return {name: int(value)
                for name, value in re.findall(r"^mod-stats\.(\S+) = (\d+)$", text, re.M)}


class Nsd(Server):
    """Authoritative for ZONES, as Knot."""

    program = "nsd"

    def __init__(self, zones, **kw):
        super().__init__(**kw)
        addresses = "\n".join(f"  ip-address: {address}@{self.port}" for address in self.addresses)
        text = f"""
server:
{addresses}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{self.folder}"
  database: ""
  pidfile: "{self.folder}/nsd.pid"
  xfrdfile: "{self.folder}/xfrd.state"
  zonelistfile: "{self.folder}/zone.list"
  xfrdir: "{self.folder}"
  hide-version: yes
  verbosity: 0
remote-control:
  control-enable: no
"""
        for number, (zone, content) in enumerate(zones.items()):
            path = self.write(f"{number}.zone", content)
            text += f'zone:\n  name: "{zone}"\n  zonefile: "{path}"\n'
        self.launch([self.program, "-d", "-c", self.write("nsd.conf", text)], *zones)


class Unbound(Server):
    """A resolver. HINTS: the address of the one root server; or FORWARD, (address, port) to ask
    instead, for comparing a forwarder with another one. SETTINGS: more lines below "server:", such
    as zones of its own."""

    program = "unbound"

    def __init__(self, *, hints=None, forward=None, probe=".", settings=(), **kw):
        super().__init__(**kw)
        interfaces = "\n".join(f"  interface: {address}" for address in self.addresses)
        text = f"""
server:
  directory: "{self.folder}"
  username: ""
  chroot: ""
  pidfile: "{self.folder}/unbound.pid"
  do-daemonize: no
  use-syslog: no
  logfile: ""
  verbosity: 1
{interfaces}
  port: {self.port}
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  num-threads: 1
  do-not-query-localhost: no
  do-ip6: {"yes" if any(":" in each for each in self.addresses) else "no"}
  module-config: "iterator"
  unblock-lan-zones: yes
  local-zone: "test." nodefault
"""
        if hints:
            self.write("hints", f". 3600000 NS root.test.\nroot.test. 3600000 A {hints}\n")
            text += f'  root-hints: "{self.folder}/hints"\n'
        text += "".join(f"  {line}\n" for line in settings)
        text += "remote-control:\n  control-enable: no\n"
        if forward:
            text += (f'forward-zone:\n  name: "."\n  forward-addr: {forward[0]}@{forward[1]}\n'
                     "  forward-no-cache: yes\n")
        self.launch([self.program, "-d", "-c", self.write("unbound.conf", text)], probe)
