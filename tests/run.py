#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""run.py [--strict] [--list] [--only TEXT] [suite...] - runs the suites and adds up.

Every test program speaks TAP: the cmocka programs that meson knows of, and unittest modules by way
of support/tap.py. What a program prints is kept in TREE/test-logs; of a failed one the end is
shown. A program that prints no plan, or less than it planned, or that leaves a sanitizer's report
behind has failed. The last line says how many passed, failed and were skipped.

--only TEXT runs the programs whose name contains TEXT. The trees must be built: ./dev test does.
"""

import argparse
import concurrent.futures
import dataclasses
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TAIL_LINES = 60

# The only reasons that --strict accepts: what a machine or its kernel really cannot do.
UNAVOIDABLE = re.compile(r'no shared data|the kernel cannot |.*\bio_uring\b')


@dataclasses.dataclass(frozen=True)
class Suite:
    trees: tuple
    folders: tuple = ()     # of unittest modules, below tests/
    meson_suite: str = ''   # of programs registered with meson's test()
    root: str = ''          # why it can run as root only
    timeout_s: int = 300    # per unittest module
    jobs: int = 1           # programs at a time: more where they mostly wait
    release: tuple = ()     # those of the modules that are for the tree build alone


# In the order of running: cheap ones first.
SUITES = {
    'style': Suite(('build',), ('style',), timeout_s=600),
    'unit': Suite(('build', 'build-asan', 'build-tsan'), meson_suite='unit', jobs=2),
    'fuzz': Suite(('build', 'build-asan'), meson_suite='fuzz', jobs=2),
    'sim': Suite(('build', 'build-asan'), ('sim',), release=('sim/test_mutants',), timeout_s=600),
    'control': Suite(('build', 'build-asan'), ('control',)),
    'integration': Suite(('build', 'build-asan'), ('integration',), jobs=2),
    'hostile': Suite(('build', 'build-asan'), ('hostile',), jobs=2),
    'clients': Suite(('build', 'build-asan'), ('clients',), jobs=2),
    'namespace': Suite(('build',), ('namespace',), root='network namespaces need root'),
    'stress': Suite(('build-tsan', 'build-asan'), ('stress',), 'stress', timeout_s=600),
}


@dataclasses.dataclass
class Program:
    name: str
    tree: str
    command: list
    env: dict
    timeout_s: int
    tap: bool = True


@dataclasses.dataclass
class Outcome:
    name: str
    passed: int = 0
    failed: int = 0
    skips: list = dataclasses.field(default_factory=list)     # (test, reason)
    failures: list = dataclasses.field(default_factory=list)  # test, or what is wrong
    log: str = ''


# --- what there is to run -----------------------------------------------------------------------

def meson_programs(suite, tree):
    """The programs of a build tree; sanitizers make everything slower, so they get more time."""
    with open(os.path.join(ROOT, tree, 'meson-info/intro-tests.json'), encoding='utf-8') as file:
        tests = json.load(file)
    slow = 1 if tree == 'build' else 4
    for test in tests:
        if suite.meson_suite in [name.split(':')[-1] for name in test['suite']]:
            yield Program(test['name'], tree, test['cmd'], test['env'], test['timeout'] * slow,
                          tap=test['protocol'] == 'tap')


def python_programs(suite, tree):
    tap = os.path.join(ROOT, 'tests/support/tap.py')
    for folder in suite.folders:
        for path in sorted(glob.glob(os.path.join(ROOT, 'tests', folder, 'test_*.py'))):
            name = os.path.relpath(path, os.path.join(ROOT, 'tests'))[:-len('.py')]
            if name in suite.release and tree != 'build':
                continue
            yield Program(name, tree, [sys.executable, tap, path], {}, suite.timeout_s)


def programs(suite, tree):
    yield from python_programs(suite, tree)
    if suite.meson_suite:
        yield from meson_programs(suite, tree)


# --- running one --------------------------------------------------------------------------------

def sanitizer_env(reports):
    """Every report ends the program and is a file, whoever started the program."""
    common = f'halt_on_error=1:exitcode=99:log_path="{reports}"'
    return {
        'ASAN_OPTIONS': f'{common}:detect_stack_use_after_return=1:strict_string_checks=1',
        'UBSAN_OPTIONS': f'{common}:print_stacktrace=1',
        'TSAN_OPTIONS': f'{common}:second_deadlock_stack=1',
    }


def fixed_addresses():
    """The prefix that runs sanitized programs without address randomisation: the sanitizers of
    LLVM 14 do not start where the kernel draws more than 28 bits."""
    try:
        with open('/proc/sys/vm/mmap_rnd_bits', encoding='ascii') as file:
            return ['setarch', '-R'] if int(file.read()) > 28 else []
    except OSError:
        return []


RUNNING = set()


def end_group(process):
    """Ends what a program has left running, itself included. The group is its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def execute(program, log_path, reports):
    """Runs it, output to files of its own. (exit code, negative for a signal, or None when it ran
    out of time; what it said on standard output)."""
    env = dict(os.environ, RINGDNS_SOURCE=ROOT, RINGDNS_BUILD=os.path.join(ROOT, program.tree))
    env.update(sanitizer_env(reports))
    env.update(program.env)
    command = program.command
    if program.tree != 'build':
        command = fixed_addresses() + command
    with open(log_path, 'wb') as log, open(log_path + '.tap', 'w+b') as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=log, start_new_session=True)
        RUNNING.add(process)
        try:
            status = process.wait(program.timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        end_group(process)
        RUNNING.discard(process)
        out.seek(0)
        said = out.read()
        log.write(said)
    os.unlink(log_path + '.tap')
    return status, said.decode(errors='replace')


def run_program(program):
    logs = os.path.join(ROOT, program.tree, 'test-logs')
    os.makedirs(logs, exist_ok=True)
    base = os.path.join(logs, re.sub(r'[^\w.-]+', '_', program.name))
    reports = base + '.sanitizer'
    for old in glob.glob(glob.escape(reports) + '.*'):
        os.unlink(old)

    outcome = Outcome(program.name, log=base + '.log')
    status, text = execute(program, outcome.log, reports)
    if program.tap:
        read_tap(text, outcome)
    else:
        read_status(status, text, outcome)
    if status is None:
        fail(outcome, f'out of time after {program.timeout_s} s')
    elif status != 0 and not outcome.failed and not (status == 77 and not program.tap):
        fail(outcome, f'ended by signal {-status}' if status < 0 else f'exit code {status}')
    for report in glob.glob(glob.escape(reports) + '.*'):
        fail(outcome, f'a sanitizer reported: {report}')
        with open(report, errors='replace', encoding='utf-8') as source, \
                open(outcome.log, 'a', encoding='utf-8') as log:
            log.write(source.read())
    return outcome


# --- reading what it said -----------------------------------------------------------------------

RESULT = re.compile(r'(?P<verdict>ok|not ok)\b\s*\d*\s*(?:- )?(?P<name>[^#]*)'
                    r'(?:#\s*(?P<skip>skip)\S*\s*(?P<reason>.*))?', re.IGNORECASE)
PLAN = re.compile(r'1\.\.(\d+)(?:\s*#\s*skip\S*\s*(.*))?$', re.IGNORECASE)


def fail(outcome, what):
    outcome.failed += 1
    outcome.failures.append(what)


def read_tap(text, outcome):
    """Adds up; a program may print several plans, one per group of tests. cmocka writes a skip as
    "not ok 2 # SKIP test_name", without a reason: the line before it counts as one."""
    planned = None
    before = ''
    for line in text.splitlines():
        plan, result = PLAN.match(line), RESULT.match(line)
        if plan:
            planned = (planned or 0) + int(plan[1])
            if plan[2]:
                outcome.skips.append((outcome.name, plan[2]))
        elif result:
            read_result(result, before, outcome)
        before = '' if plan or result else line.lstrip('#').strip()
    seen = outcome.passed + outcome.failed + len(outcome.skips)
    if planned is None:
        fail(outcome, 'printed no plan (1..N)')
    elif planned == 0 and not outcome.skips:
        fail(outcome, 'has no tests')
    elif seen != planned:
        fail(outcome, f'planned {planned} tests, reported {seen}')


def read_result(result, before, outcome):
    name, reason = result['name'].strip(), (result['reason'] or '').strip()
    if result['skip'] and not name:
        name, reason = reason, before
    if result['skip']:
        outcome.skips.append((name, reason or 'no reason given'))
    elif result['verdict'].lower() == 'ok':
        outcome.passed += 1
    else:
        fail(outcome, name)


def read_status(status, text, outcome):
    """A program without TAP is one test; 77 is meson's sign for a skip."""
    if status == 0:
        outcome.passed += 1
    elif status == 77:
        lines = text.strip().splitlines() or ['no reason given']
        outcome.skips.append((outcome.name, lines[-1]))


# --- suites -------------------------------------------------------------------------------------

def show_failure(tree, outcome):
    print(f'--- {tree} {outcome.name}: FAILED')
    for what in outcome.failures:
        print(f'    {what}')
    if not outcome.log:
        return
    with open(outcome.log, encoding='utf-8', errors='replace') as file:
        lines = file.read().splitlines()
    print(f'    end of {os.path.relpath(outcome.log, ROOT)}:')
    for line in lines[-TAIL_LINES:]:
        print(f'    | {line}')
    sys.stdout.flush()


def judge_skips(outcome):
    """Where --strict holds, a skip that could have been avoided is a failure."""
    for skip in list(outcome.skips):
        if not UNAVOIDABLE.match(skip[1]):
            outcome.skips.remove(skip)
            fail(outcome, f'{skip[0]}: was skipped, which --strict does not allow: {skip[1]}')


def run_tree(name, suite, tree, options):
    """Every program of a suite in one tree."""
    if suite.root and os.geteuid() != 0:
        return [Outcome(name, skips=[(name, suite.root)])]
    todo = [program for program in programs(suite, tree) if options.only in program.name]
    if not todo:
        return []
    with concurrent.futures.ThreadPoolExecutor(suite.jobs) as pool:
        try:
            return list(pool.map(run_program, todo))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(RUNNING):
                end_group(process)
            raise


def counts(outcomes):
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(len(outcome.skips) for outcome in outcomes)
    return f'{passed} passed, {failed} failed, {skipped} skipped'


def run_suites(names, options):
    everything, skips = [], []
    for name in names:
        found = 0
        for tree in SUITES[name].trees:
            start = time.monotonic()
            outcomes = run_tree(name, SUITES[name], tree, options)
            for outcome in outcomes:
                if options.strict:
                    judge_skips(outcome)
                if outcome.failed:
                    show_failure(tree, outcome)
            found += len(outcomes)
            everything += outcomes
            skips += [(tree, *skip) for outcome in outcomes for skip in outcome.skips]
            if outcomes:
                seconds = time.monotonic() - start
                print(f'{name:12} {tree:10} {counts(outcomes)} ({seconds:.1f} s)', flush=True)
        if not found and not options.only:
            print(f'{name:12} FAILED: there are no tests in this suite')
            everything.append(Outcome(name, failed=1))
    for tree, test, reason in skips:
        print(f'skipped: {tree} {test}: {reason}')
    return everything


def interrupt(_number, _frame):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog='./dev test')
    parser.add_argument('--strict', action='store_true',
                        help='a skip that is not named unavoidable in tests/run.py is a failure')
    parser.add_argument('--list', action='store_true', help='name the suites')
    parser.add_argument('--only', default='', metavar='TEXT',
                        help='only the programs whose name contains TEXT')
    parser.add_argument('suites', nargs='*', metavar='suite', help=', '.join(SUITES))
    options = parser.parse_args()
    if options.list:
        print('\n'.join(SUITES))
        return 0
    unknown = [name for name in options.suites if name not in SUITES]
    if unknown:
        parser.error(f'no such suite: {", ".join(unknown)} (there are: {", ".join(SUITES)})')

    signal.signal(signal.SIGTERM, interrupt)
    start = time.monotonic()
    outcomes = run_suites(options.suites or list(SUITES), options)
    print(f'all: {time.monotonic() - start:.0f} s')
    print(counts(outcomes), flush=True)
    return 0 if outcomes and not any(outcome.failed for outcome in outcomes) else 1


if __name__ == '__main__':
    sys.exit(main())
