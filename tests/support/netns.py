# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces without names: they live as long as a file descriptor of the test does, so
that a test that dies leaves nothing behind.

Programs join in the child before exec (join), Python's own sockets by a short visit (socket).
Needs root. ip(8) configures; nothing here touches the machine's own namespace.
"""

import contextlib
import os
import shutil
import socket
import tempfile
import threading
import unittest

from support.process import checked, libc, patience, run, wait_until

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
# What programs need of /etc when it is replaced.
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "passwd", "group", "hosts", "services",
       "protocols", "localtime", "alternatives", "perl", "ssl/openssl.cnf")


def require_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("network namespaces need root")


def mount(source, target, flags):
    checked(libc.mount(source.encode(), target.encode(), None, flags, None), f"mount {target}")


def _root_is_shared():
    """Does what is mounted below / show up elsewhere? Asked of the mount that holds /, by its
    number: in a chroot / itself may be no mount point, and not be listed."""
    root = os.open("/", os.O_PATH)
    try:
        with open(f"/proc/self/fdinfo/{root}", encoding="utf-8") as file:
            number = next(line.split()[1] for line in file if line.startswith("mnt_id:"))
    finally:
        os.close(root)
    with open("/proc/1/mountinfo", encoding="utf-8") as file:
        return any(line.split()[0] == number and "shared:" in line for line in file)


def _private_mounts():
    """A mount namespace of one's own that nothing leaks out of."""
    shared = _root_is_shared()
    checked(libc.unshare(CLONE_NEWNS), "unshare")
    try:
        mount("none", "/", MS_REC | MS_PRIVATE)
    except OSError:  # in a chroot / may be no mount point
        if shared:
            raise


class Namespace:
    """A network namespace with lo up. ETC_FILES: a dict of file -> text for an /etc of its own, as
    the programs that join see it; the folder is .etc, and may be changed while they run."""

    def __init__(self, etc_files=None):
        require_root()
        self.etc = None
        self._fd = self._create()
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"
        self.run(["ip", "link", "set", "lo", "up"])
        if etc_files is not None:
            self.etc = self._make_etc(etc_files)

    @staticmethod
    def _create():
        result = []

        def visit():
            try:
                checked(libc.unshare(CLONE_NEWNET), "unshare")
                result.append(os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net",
                                      os.O_RDONLY | os.O_CLOEXEC))
            except OSError as error:
                result.append(error)
        thread = threading.Thread(target=visit)
        thread.start()
        thread.join()
        if isinstance(result[0], OSError):
            raise unittest.SkipTest(f"the kernel cannot make network namespaces: {result[0]}")
        return result[0]

    @staticmethod
    def _make_etc(files):
        folder = tempfile.mkdtemp(prefix="ringdns-etc-")
        os.chmod(folder, 0o755)
        for name in ETC:
            source, target = os.path.join("/etc", name), os.path.join(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.isdir(source):
                shutil.copytree(source, target, symlinks=True)
            elif os.path.exists(source):
                shutil.copy(source, target)
        for name, text in {"nsswitch.conf": "hosts: files dns\n", **files}.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        return folder

    def close(self):
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self.etc:
            shutil.rmtree(self.etc, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def join(self):
        """For a child between fork and exec."""
        checked(libc.setns(self._fd, CLONE_NEWNET), "setns")
        if self.etc:
            _private_mounts()
            mount(self.etc, "/etc", MS_BIND)

    def run(self, argv, **kw):
        return run(argv, preexec=(self.join,), **kw)

    def ip(self, text):
        """ip(8) with the words of TEXT, inside."""
        return self.run(["ip", *text.split()])

    @contextlib.contextmanager
    def visited(self):
        """What this thread opens meanwhile belongs to the namespace."""
        home = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        try:
            checked(libc.setns(self._fd, CLONE_NEWNET), "setns")
            try:
                yield self
            finally:
                checked(libc.setns(home, CLONE_NEWNET), "setns back")
        finally:
            os.close(home)

    def socket(self, *args):
        with self.visited():
            return socket.socket(*args)

    def proc(self, name):
        """The text of /proc/net/NAME inside."""
        with self.visited(), open(f"/proc/self/task/{threading.get_native_id()}/net/{name}",
                                  encoding="ascii") as file:
            return file.read()

    def udp_counter(self, field):
        """A line of the namespace's UDP statistics over IPv4, such as RcvbufErrors."""
        rows = [line.split() for line in self.proc("snmp").splitlines() if line.startswith("Udp:")]
        return int(dict(zip(*rows))[field])

    def socket_drops(self, address, port, peer=False):
        """Datagrams dropped at the IPv4 sockets that are bound, or with PEER connected, to ADDRESS
        and PORT now."""
        end = f"{socket.inet_aton(address)[::-1].hex().upper()}:{port:04X}"
        rows = [line.split() for line in self.proc("udp").splitlines()[1:]]
        return sum(int(row[-1]) for row in rows if row[2 if peer else 1] == end)

    def no_dad(self):
        """New IPv6 addresses can be used at once."""
        with self.visited():
            for name in ("default", "all"):
                with open(f"/proc/sys/net/ipv6/conf/{name}/accept_dad", "w",
                          encoding="ascii") as file:
                    file.write("0")


def link(left, right, left_name="veth0", right_name="veth0"):
    """A veth pair between two namespaces, up at both ends, with link-local addresses in use."""
    left.ip(f"link add {left_name} type veth peer name {right_name} netns {right.path}")
    for side, device in ((left, left_name), (right, right_name)):
        side.ip(f"link set {device} up")
    for side, device in ((left, left_name), (right, right_name)):
        wait_until(lambda: usable(side, device), patience(5),  # pylint: disable=cell-var-from-loop
                   lambda: f"no link-local address: {side.ip(f'addr show dev {device}')}")


def usable(side, device):
    text = side.ip(f"-6 addr show dev {device} scope link")
    return "inet6 fe80" in text and "tentative" not in text
