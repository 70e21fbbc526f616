# SPDX-License-Identifier: BSD-2-Clause
"""The forwarders that are compared: how each is found, told its settings, started and named.

The peers get the settings with which they did best for misses and hits, not their defaults.
"""
import json
import os
import re
import shutil
import subprocess

import machine

DNSDIST_CONF = """setUDPSocketBufferSizes(4194304, 4194304)
setACL({{'0.0.0.0/0'}})
addLocal('127.0.0.1:{port}', {{reusePort=true}})
newServer({{address='127.0.0.1:{upstream}', sockets=1}}):setUp()
pc = newPacketCache(2000000, {{maxTTL=86400, minTTL=0, numberOfShards=20}})
getPool(''):setCache(pc)
setSecurityPollSuffix('')
setUDPMultipleMessagesVectorSize(100)
if setRingBuffersOptions then -- since 1.8
  setRingBuffersOptions({{recordQueries=false, recordResponses=false}})
end
"""
UNBOUND_CONF = """server:
  directory: "{d}"
  username: ""
  chroot: ""
  pidfile: "{d}/unbound.pid"
  do-daemonize: no
  use-syslog: no
  verbosity: 0
  interface: 127.0.0.1
  port: {port}
  num-threads: 1
  do-not-query-localhost: no
  module-config: "iterator"
  msg-cache-size: 512m
  rrset-cache-size: 1024m
  msg-cache-slabs: 4
  rrset-cache-slabs: 4
  outgoing-range: 8192
  num-queries-per-thread: 4096
  so-rcvbuf: 4m
  so-sndbuf: 4m
  minimal-responses: yes
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
"""


def output(argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


class Forwarder:
    """key names it in results; argv() starts it as one process that stays in the foreground."""

    def __init__(self, key):
        self.key = key

    def missing(self):
        """Why it cannot be measured here, or None."""
        raise NotImplementedError

    def version(self):
        raise NotImplementedError

    def argv(self, directory, port, upstream):
        raise NotImplementedError


class Peer(Forwarder):
    """An installed program, or one of a Debian tree that is entered by chroot."""

    def __init__(self, key, program, version_flag, conf, flags, tree):
        super().__init__(key)
        self.program, self.version_flag, self.conf, self.flags = program, version_flag, conf, flags
        self.tree = tree

    def missing(self):
        if not self.tree:
            return None if shutil.which(self.program, path=search_path()) else "not installed"
        if not os.path.exists(self.tree + self.program_path()):
            return f"not in {self.tree}"
        if not os.path.samefile("/tmp", self.tree + "/tmp"):
            return f"/tmp is not in the tree: mount --bind /tmp {self.tree}/tmp"
        return "a --tree is entered by chroot: only as root" if os.geteuid() else None

    def program_path(self):
        if not self.tree:
            return shutil.which(self.program, path=search_path())
        places = (f"/{place}/{self.program}" for place in ("usr/bin", "usr/sbin"))
        return next((p for p in places if os.path.exists(self.tree + p)), "/" + self.program)

    def command(self):
        return (["chroot", self.tree] if self.tree else []) + [self.program_path()]

    def version(self):
        found = re.search(r"\b(\d+\.\d+[\w.]*)", output(self.command() + [self.version_flag]))
        return found[1] if found else "?"

    def argv(self, directory, port, upstream):
        path = os.path.join(directory, self.program + ".conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.conf.format(d=directory, port=port, upstream=upstream))
        return self.command() + self.flags + [path]


class Floor(Forwarder):
    """A program of this folder that answers or forwards without looking."""

    def __init__(self, key, program):
        super().__init__(key)
        self.program = os.path.join(machine.BUILD, "bench", program)

    def missing(self):
        return None if os.access(self.program, os.X_OK) else f"not built: {self.program}"

    def version(self):
        return ""


class MissFloor(Floor):
    def __init__(self, ports):
        super().__init__(f"floor, {ports} port{'s' if ports > 1 else ''}", "miss_floor")
        self.ports = ports

    def argv(self, directory, port, upstream):
        return [self.program, str(port), str(upstream), str(self.ports)]


class HitFloor(Floor):
    """All its answers are as long as the upstream's to NAME."""

    def __init__(self, name):
        super().__init__("floor", "hit_floor")
        self.name = name

    def argv(self, directory, port, upstream):
        answer = machine.ask(upstream, self.name)
        if not answer:
            raise machine.Trouble(f"the upstream has no answer for {self.name}")
        return [self.program, str(port), "--bytes", str(len(answer))]


class Ringdns(Forwarder):
    """The release build. Its counters are read over its control socket."""

    def __init__(self, io, workers=1):
        super().__init__(f"ringdns, {io}")
        self.io, self.workers = io, workers
        self.program = os.path.join(machine.BUILD, "ringdns")
        self.control = None

    def missing(self):
        return None if os.access(self.program, os.X_OK) else f"not built: {self.program}"

    def version(self):
        found = re.search(r"\b(\d+\.\d+[\w.]*)", output([self.program, "--version"]))
        return found[1] if found else "?"

    def argv(self, directory, port, upstream):
        self.control = os.path.join(directory, "control.sock")
        return [self.program, "--listen", f"127.0.0.1:{port}", "--forward", f"127.0.0.1:{upstream}",
                "--workers", str(self.workers), "--io", self.io, "--control", self.control]

    def stats(self):
        """{"total": {field: value}, "workers": [the same for each]}"""
        program = os.path.join(machine.BUILD, "ringdnsctl")
        done = subprocess.run([program, "-s", self.control, "stats", "--json"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise machine.Trouble(f"ringdnsctl stats failed: {done.stderr.strip()[-300:]}")
        return json.loads(done.stdout)


def search_path():
    return os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def peers(tree):
    return [Peer("dnsdist", "dnsdist", "--version", DNSDIST_CONF,
                 ["--supervised", "--disable-syslog", "-C"], tree),
            Peer("unbound", "unbound", "-V", UNBOUND_CONF, ["-d", "-c"], tree)]
