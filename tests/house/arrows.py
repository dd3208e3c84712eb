# SPDX-License-Identifier: Apache-2.0
"""Which part of the code includes which, and where the arrows form circles."""

import re


def unit_of(path):
    return re.sub(r"\.(h|cpp|inc)$", "", path)


def arrows(tree, folders, room_of=unit_of):
    """unit -> the other units that it includes."""
    graph = {}
    for path in tree.texts:
        if path.startswith(folders) and path.endswith((".h", ".cpp")):
            here = graph.setdefault(room_of(path), set())
            here |= {room_of(f) for f in tree.includes(path)} - {room_of(path)}
    return graph


def circles(graph):
    """The strongly connected parts of more than one unit (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(part) > 1:
                found.append(sorted(part))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def back_arrows(graph, part):
    """The arrows within a circle that run against a greedy order of it."""
    left, first, last = set(part), [], []
    while left:
        out = {n: len(graph[n] & left) for n in left}
        into = {n: sum(n in graph[m] for m in left) for n in left}
        node = min(left, key=lambda n: (out[n] != 0, into[n] != 0, into[n] - out[n], n))
        (last if out[node] == 0 else first).append(node)
        left.remove(node)
    order = {n: i for i, n in enumerate(first + last[::-1])}
    return [(a, b) for a in part for b in sorted(graph[a] & set(part)) if order[a] > order[b]]
