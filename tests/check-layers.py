#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-layers.py TABLE DIRECTORY: includes inside DIRECTORY go downwards only, by the layers in TABLE (layers.txt)."""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
PURE_HEADERS = {"glib.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h", "string.h", "sys/types.h", "sys/uio.h"}


def read_table(path):
    """Returns {name: line number of its layer, from the top} and the set of names that are pure."""
    layers, pure = {}, set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        names = line.partition("#")[0].split()
        if names[:1] == ["pure:"]:
            names = names[1:]
            pure.update(names)
        layers.update(dict.fromkeys(names, number))
    return layers, pure


def layer_of(stem, layers):
    """The name in the table that a file belongs to: its own, or the longest one that it extends with `-...`."""
    while stem and stem not in layers:
        stem = stem.rpartition("-")[0]
    return stem or None


def find_circle(graph, node, path=()):
    if node in path:
        return path[path.index(node):] + (node,)
    for successor in sorted(graph.get(node, ())):
        circle = find_circle(graph, successor, path + (node,))
        if circle:
            return circle
    return None


def check(table, directory):
    layers, pure = read_table(table)
    graph = {}
    for file in sorted(directory.glob("*.[ch]")):
        name = layer_of(file.stem, layers)
        if name is None:
            yield f"{file}: no layer; add it to {table}"
            continue
        for bracket, header in INCLUDE.findall(file.read_text(encoding="utf-8")):
            included = layer_of(pathlib.Path(header).stem, layers)
            if bracket == "<" and not header.startswith(("ipc-", "libipc")):
                if name in pure and header not in PURE_HEADERS:
                    yield f"{file}: is pure, and includes <{header}>"
            elif included is None:
                yield f"{file}: includes {header}, which has no layer"
            elif layers[included] < layers[name]:
                yield f"{file}: includes {header}, which is in a layer above"
            elif included != name:
                graph.setdefault(name, set()).add(included)
    for name in sorted(graph):
        circle = find_circle(graph, name)
        if circle:
            yield "a circle of includes: " + " -> ".join(circle)
            return


def main():
    problems = list(check(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
    print("\n".join(problems))
    return 1 if problems else 0


sys.exit(main())
