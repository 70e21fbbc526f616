# SPDX-License-Identifier: BSD-2-Clause
"""Runs the simulation of a build tree and reads what it found."""

import dataclasses
import json
import os
import re
import signal
import subprocess

ROOT = os.environ.get('RINGDNS_SOURCE') or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('RINGDNS_BUILD') or os.path.join(ROOT, 'build')
TIMEOUT_S = 120

FOUND = re.compile(r'seed (\d+): (.*)')


@dataclasses.dataclass(frozen=True)
class Finding:
    seed: int     # None: it is not known which
    rule: str     # that was broken
    command: str  # that shows it again


def executables(build=BUILD):
    """Name -> path of the programs that meson builds in a tree."""
    with open(os.path.join(build, 'meson-info/intro-targets.json'), encoding='utf-8') as file:
        return {target['name']: target['filename'][0] for target in json.load(file)
                if target['type'] == 'executable'}


def program(name='ringdns-sim', build=BUILD):
    path = executables(build)[name]
    if not os.path.exists(path):
        raise FileNotFoundError(f'{path}: not built (./dev test builds it)')
    return path


def run(path, *arguments):
    """Ends it after TIMEOUT_S: then the exit code is None."""
    command = [path, *map(str, arguments)]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, check=False, capture_output=True,
                              timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(command, None, error.stdout or b'', error.stderr or b'')


def last_line(output):
    lines = output.decode(errors='replace').strip().splitlines()
    return lines[-1] if lines else ''


def shown(path, *arguments):
    """A command line as somebody in the source tree types it."""
    return ' '.join([os.path.relpath(path, ROOT), *map(str, arguments)])


def read(done, seed, command):
    """What a run found; None: nothing. SEED: of a run that could not name it."""
    if done.returncode == 0:
        return None
    found = FOUND.fullmatch(last_line(done.stdout))
    if done.returncode == 1 and found:
        return Finding(int(found[1]), found[2], command)
    return Finding(seed, f'{ending(done.returncode)}: {last_line(done.stderr)}', command)


def ending(code):
    if code is None:
        return f'no end in {TIMEOUT_S} s'
    return signal.Signals(-code).name if code < 0 else f'exit code {code}'


def try_seed(path, seed, *arguments):
    done = run(path, '--seed', seed, *arguments)
    return read(done, seed, shown(path, '--seed', seed, *arguments, '--trace'))


def try_seeds(path, first, last, *arguments):
    """The first finding among the seeds FIRST to LAST, or None. A crash does not say in which it
    was, so then they are tried one by one."""
    done = run(path, '--seeds', f'{first}-{last}', *arguments)
    found = FOUND.fullmatch(last_line(done.stdout))
    if done.returncode == 0:
        return None
    if done.returncode == 1 and found:
        return read(done, None, shown(path, '--seed', found[1], *arguments, '--trace'))
    for seed in range(first, last + 1 if done.returncode is not None else first):
        finding = try_seed(path, seed, *arguments)
        if finding:
            return finding
    return read(done, None, shown(path, '--seeds', f'{first}-{last}', *arguments))


def kept_seeds():
    """(seed, queries) of tests/sim/seeds.txt."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'seeds.txt')
    with open(path, encoding='utf-8') as file:
        for line in file:
            words = line.split('#')[0].split()
            if words:
                seed, queries = map(int, words)
                yield seed, queries
