# SPDX-License-Identifier: BSD-2-Clause
"""The machine under the benchmarks: processes, CPU time, free ports, and what to say about it."""
import contextlib
import ctypes
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
READY_S = 30
STOP_S = 10
RECEIVE_BUFFER_BYTES = 4 << 20
SO_RCVBUFFORCE = 33
PIDFD_GETFD = 438  # the same number on every architecture
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("RINGDNS_BUILD") or os.path.join(ROOT, "build"))


class Trouble(Exception):
    """Something that ends a benchmark; its text says what to do."""


def cpus():
    """Two CPUs: one for the server alone, one for the generator and the upstream."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise Trouble("the benchmarks need two CPUs: the server has one of them for itself")
    return usable[0], usable[1]


def describe():
    text = open("/proc/cpuinfo", encoding="utf-8").read()
    model = re.search(r"model name\s*: (.*)", text)
    return {"cpu": model[1] if model else platform.machine(), "kernel": platform.release(),
            "cores": os.cpu_count(), "load_at_start": os.getloadavg()[0]}


@contextlib.contextmanager
def workplace():
    """A directory for everything that is written. Below /tmp, which a --tree has mounted, too."""
    path = tempfile.mkdtemp(prefix="ringdns-bench-", dir="/tmp")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(argv, log, cpu=None):
    """A server for the length of a with block. It is stopped by its own PID, and waited for."""
    if cpu is not None:
        argv = ["taskset", "-c", str(cpu)] + argv
    with open(log, "wb") as out:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield process
    finally:
        stop(process)


def stop(process):
    """SIGTERM, then SIGKILL; its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def cpu_seconds(pid):
    """(user, system) of a process, all of its threads included."""
    fields = open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()
    return int(fields[11]) * TICK_S, int(fields[12]) * TICK_S


def memory(pid):
    """Resident bytes of a process."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return int(re.search(r"^VmRSS:\s+(\d+) kB", f.read(), re.M)[1]) * 1024


def is_free(port):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def port_pick():
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if is_free(port):
            return port


def wait_free(port):
    """A ring is torn down after its process: its sockets (and their cost) outlive it a little."""
    wait(lambda: is_free(port), STOP_S, f"port {port} is still in use after its server's end")


def wait(condition, patience_s, complaint):
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            raise Trouble(complaint)
        time.sleep(0.05)


def ask(port, name):
    """What a server says to a real query, or nothing."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + labels + b"\0\0\x01\0\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.3)
        try:
            s.connect(("127.0.0.1", port))
            s.send(query)
            reply = s.recv(4096)
        except OSError:
            return b""
    return reply if len(reply) > 12 and reply[:2] == query[:2] else b""


def answers(port, name="ns.bench"):
    """Whether it is NOERROR and an answer."""
    reply = ask(port, name)
    return bool(reply) and reply[3] & 15 == 0 and reply[7] > 0


def wait_ready(process, port, log):
    def answers_or_ended():
        return process.poll() is not None or answers(port)

    command = " ".join(process.args)
    try:
        wait(answers_or_ended, READY_S, f"no answer within {READY_S} s")
    except Trouble as trouble:
        raise Trouble(f"{command}: {trouble}: {tail(log)}") from None
    if process.poll() is not None:
        raise Trouble(f"{command}: it ended with {process.returncode}: {tail(log)}")


def tail(log):
    with open(log, encoding="utf-8", errors="replace") as f:
        return f.read()[-500:].strip()


def receive_buffers_widen(pid):
    """What a bigger net.core.rmem_default would do, for one child of ours (pidfd_getfd).

    knotd and dnsdist keep the default, which a first burst of 400 packets overflows: who does not
    ask again would then run with half of its clients stuck until dnsperf gives up on them.
    """
    libc, pidfd = ctypes.CDLL(None, use_errno=True), os.pidfd_open(pid)
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            fd = libc.syscall(PIDFD_GETFD, pidfd, int(number), 0)
            if fd < 0:
                raise Trouble(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
            receive_buffer_widen(fd)
    finally:
        os.close(pidfd)


def receive_buffer_widen(fd):
    """Takes fd over; anything but a UDP socket is only closed."""
    try:
        s = socket.socket(fileno=fd)
    except OSError:
        os.close(fd)
        return
    with s:
        if s.type == socket.SOCK_DGRAM and s.family in (socket.AF_INET, socket.AF_INET6):
            option = SO_RCVBUFFORCE if os.geteuid() == 0 else socket.SO_RCVBUF
            s.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER_BYTES)
