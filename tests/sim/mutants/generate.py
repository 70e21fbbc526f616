#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""generate.py MUTANTS files              the mutated files below the root, one per line
generate.py MUTANTS write ROOT FOLDER   writes copies of them, and mutants.inc, into FOLDER

MUTANTS is mutants.py. A copy has the file's folders in its name: fastpath_cache_store.c. What does
not change is not written, so that nothing is compiled for it.
"""

import os
import re
import runpy
import sys

INTRODUCTION = ('extern unsigned rd_mutant;\n'
                '#define MUTANT(number) (rd_mutant == number)\n'
                '#line 1 "{path}"\n')


class Misplaced(Exception):
    """A mutant does not fit its source any more."""


def places(text, file, number, mutant):
    """Where the edits of a mutant are: (start, end, replacement)."""
    if not any('MUTANT' in instead for _, instead in mutant.edits):
        raise Misplaced(f'{file}: mutant {mutant.name} is always on')
    for there, instead in mutant.edits:
        count = text.count(there)
        if count != 1:
            raise Misplaced(f'{file}: mutant {mutant.name}: is there {count} times, not once:\n'
                            f'{there}')
        if there.count('\n') != instead.count('\n'):
            raise Misplaced(f'{file}: mutant {mutant.name}: has other lines than:\n{there}')
        start = text.index(there)
        yield (start, start + len(there), mutant.name,
               re.sub(r'\bMUTANT\b', f'MUTANT({number}u)', instead))


def mutated(text, file, numbered):
    """TEXT with the choice of each of its mutants, (number, mutant)."""
    found = sorted(place for number, mutant in numbered
                   for place in places(text, file, number, mutant))
    for one, other in zip(found, found[1:]):
        if one[1] > other[0]:
            raise Misplaced(f'{file}: mutants {one[2]} and {other[2]} overlap')
    for start, end, _, instead in reversed(found):
        text = text[:start] + instead + text[end:]
    return text


def write_changed(path, text):
    try:
        with open(path, encoding='utf-8') as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def table(mutants):
    """As initialisers in C."""
    return ''.join(f'{{"{one.name}", "{one.file}", "{one.help}"}},\n' for one in mutants)


def files(mutants):
    return sorted({one.file for one in mutants})


def write(mutants, root, folder):
    for name in files(mutants):
        path = os.path.join(root, 'fastpath', name)
        with open(path, encoding='utf-8') as file:
            text = file.read()
        numbered = [(number, one) for number, one in enumerate(mutants, 1) if one.file == name]
        write_changed(os.path.join(folder, 'fastpath_' + name.replace('/', '_')),
                      INTRODUCTION.format(path=path) + mutated(text, name, numbered))
    write_changed(os.path.join(folder, 'mutants.inc'), table(mutants))


def main(path, what, *folders):
    mutants = runpy.run_path(path)['MUTANTS']
    names = [one.name for one in mutants]
    if len(set(names)) != len(names):
        raise Misplaced('two mutants have one name')
    if what == 'write':
        write(mutants, *folders)
    else:
        print('\n'.join('fastpath/' + name for name in files(mutants)))


if __name__ == '__main__':
    try:
        main(*sys.argv[1:])
    except Misplaced as error:
        sys.exit(f'mutants.py: {error}')
