# SPDX-License-Identifier: BSD-2-Clause
"""Hardships for a child between fork and exec: a kernel that forbids io_uring, little locked
memory, few descriptors, another user. The machine's own settings stay as they are."""

import ctypes
import os
import resource
import struct

from support.process import checked, libc, prctl

PR_CAPBSET_DROP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 24, 22, 38
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7fff0000, 0x00050000
CAP_NET_BIND_SERVICE, CAP_IPC_LOCK = 10, 14
IO_URING_SETUP = 425  # the same number on every architecture
NOBODY = 65534


class SockFprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def instruction(code, jump_true, jump_false, value):
    return struct.pack("=HBBI", code, jump_true, jump_false, value)


def forbid_io_uring(error):
    """A seccomp filter, as containers have one: io_uring_setup fails with ERROR."""
    program = b"".join((
        instruction(0x20, 0, 0, 0),                           # load the call's number
        instruction(0x15, 0, 1, IO_URING_SETUP),
        instruction(0x06, 0, 0, SECCOMP_RET_ERRNO | error),
        instruction(0x06, 0, 0, SECCOMP_RET_ALLOW)))

    def step():
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        fprog = SockFprog(len(program) // 8, program)
        checked(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(fprog), 0, 0),
                "prctl(PR_SET_SECCOMP)")
    return step


def locked_memory(size):
    """RLIMIT_MEMLOCK, and no capability to overstep it."""
    def step():
        if os.geteuid() == 0:
            prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK)
        hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
        size_now = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (size_now, size_now))
    return step


def descriptors(count):
    def step():
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
    return step


def as_nobody():
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
