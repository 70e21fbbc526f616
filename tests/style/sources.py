# SPDX-License-Identifier: BSD-2-Clause
"""The files of the project and the functions in them, for the tests of style."""

import json
import os
import re
import subprocess

ROOT = os.environ.get('RINGDNS_SOURCE') or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get('RINGDNS_BUILD') or os.path.join(ROOT, 'build')
GENERATED = re.compile(r'^(\.git|build|build-.*|__pycache__|corpus)$')


def paths(*endings):
    """Relative paths, sorted; of every file without ENDINGS. What git ignores and the fuzzing
    corpora are left out."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not GENERATED.match(name)]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names
                  if name.endswith(endings or '')]
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def c_code(text):
    """C without comments and literals, every line in its place."""
    def blank(match):
        return re.sub(r'[^\n]', ' ', match[0])
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.DOTALL)


def functions(*endings):
    """Every function as a dict with path, name, line, end (both inclusive)."""
    command = ['ctags', '--output-format=json', '--fields=+ne', '--kinds-C=f', '--kinds-Python=fm',
               '--langmap=C:.c.h', '-o', '-', *paths(*endings)]
    tags = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = [json.loads(line) for line in tags.splitlines()]
    return [tag for tag in found if tag.get('kind') in ('function', 'member') and 'end' in tag]


def compile_commands():
    """What meson tells compilers to do in the build tree: (source, object, words of the command),
    paths absolute, each source once."""
    with open(os.path.join(BUILD, 'compile_commands.json'), encoding='utf-8') as file:
        entries = json.load(file)
    seen = {}
    for entry in entries:
        source = os.path.normpath(os.path.join(entry['directory'], entry['file']))
        target = os.path.normpath(os.path.join(entry['directory'], entry['output']))
        if source.endswith('.c'):
            seen.setdefault(source, (source, target, entry['command']))
    return list(seen.values())
