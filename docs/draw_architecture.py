"""Draw docs/architecture.svg from the imports: ``python docs/draw_architecture.py > docs/architecture.svg``.

An arrow leads from a part to a part that imports it. An arrow that others imply is left out.
"""

import sys
from graphlib import TopologicalSorter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.test_imports import ALLOWED, MODULES, ROOMS, own, room_of

WIDE, LEFT, RIGHT = (20, 780), (20, 390), (410, 780)
FLOORS = (  # from the top: the left and right end of each part, and what it is
    {"cli": (LEFT, "nnref check, prove, repro, …"), "conformance": (RIGHT, "the oracle as tests of pytest")},
    {"oracle": (WIDE, "compares other implementations with the layers, room by room")},
    {"algebra": (LEFT, "reductions; claims proved or refuted"), "bounds": (RIGHT, "rounding errors, derived")},
    {"arithmetic": (LEFT, "rationals, polynomials, dual numbers, …"), "layers": (RIGHT, "one file for each layer")},
    {"ground": (WIDE, "what every layer rests on")},
)
GROUND = ("errors", "decimal_functions", "options", "numeric", "windows", "dtypes", "im2col", "layer")
ELSEWHERE = {"nnref": "layers", "nnref.__main__": "cli"}  # nnref itself only names the layers again
GAP, ROW, BOX = 32, 44, 30  # between floors, between the rows of a part, and the height of a box in it
STYLE = """text { font: 14px system-ui, sans-serif; fill: #1f2328 } .name { font-weight: 600 } .note { fill: #59636e }
.page { fill: #fff } .part { fill: #eef3fa; stroke: #9aa9be } .room { fill: #fff; stroke: #9aa9be }
.arrow { fill: none; stroke: #2f6fc4; stroke-width: 1.5; marker-end: url(#head) } .head { fill: #2f6fc4 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note { fill: #a5b0bc } .page { fill: #0d1117 } .part { fill: #182130; stroke: #4d5c73 }
  .room { fill: #0d1117; stroke: #4d5c73 } .arrow { stroke: #6cb0ff } .head { fill: #6cb0ff } }"""
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {height:g}">
<title>The parts of nnref, and who imports whom</title>
<style>{style}</style>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">
<path class="head" d="M0 0L8 4L0 8z"/></marker></defs>
<rect width="100%" height="100%" class="page"/>"""


def graph(group):
    """What each group of modules imports of the others, lowest first; `group` has the name for each module."""
    imported = {name: set() for name in group.values()}
    for module, name in group.items():
        imported[name] |= {group[other] for other in own(module) if other in group} - {name}
    return {name: imported[name] for name in TopologicalSorter(imported).static_order()}


def parts():
    """What each part imports of the others."""
    return graph({m: ELSEWHERE.get(m) or ("ground" if m in ALLOWED else m.split(".")[1]) for m in MODULES})


def reduced(imported):
    """The same without what is also imported by way of another group."""
    below = {}
    for name, direct in imported.items():
        below[name] = direct.union(*(below[other] for other in direct))
    return {n: sorted(a for a in direct if not any(a in below[b] for b in direct)) for n, direct in imported.items()}


def columns_of(imported, order):
    """The groups in columns, each behind all that it imports."""
    column = {}
    for name, direct in imported.items():
        column[name] = max((column[other] + 1 for other in direct), default=0)
    return [[n for n in order if column.get(n) == c] for c in range(max(column.values()) + 1)]


def flow(imported, columns, top):
    """Boxes and arrows from left to right; an arrow passes the columns between at a height where no box is."""
    width = [14 + 8 * max(map(len, names)) for names in columns]
    space = (WIDE[1] - WIDE[0] - 24 - sum(width)) / (len(columns) - 1)
    left = [WIDE[0] + 12 + sum(width[:c]) + space * c for c in range(len(columns))]
    middle = top + ROW * max(map(len, columns)) / 2
    at = {n: (c, middle + ROW * (i - len(ns) / 2 + 0.5)) for c, ns in enumerate(columns) for i, n in enumerate(ns)}
    for name, (c, y) in at.items():
        yield box(left[c], y - BOX / 2, width[c], BOX, "room")
        yield text(left[c] + width[c] / 2, y + 5, name, "", "middle")
        for b, height in (at[other] for other in reduced(imported)[name]):
            passed = [other for column, other in at.values() if b < column < c]
            lane = next(h for h in (height, y, middle) if all(abs(h - other) > BOX / 2 for other in passed))
            path = f"M{left[b] + width[b]:g} {height:g}"
            for k in range(b, c):
                start, end, to = left[k] + width[k], left[k + 1], y if k + 1 == c else lane
                path += f"H{start:g}C{start + space / 2:g} {height:g} {end - space / 2:g} {to:g} {end:g} {to:g}"
                height = to
            yield f'<path class="arrow" d="{path}"/>'


def upward(low, high):
    """An arrow from the top of one box to the bottom of another: straight, if the middle of the narrower allows."""
    start = end = sum(min(low, high, key=lambda ends: ends[1] - ends[0])[:2]) / 2
    if not max(low[0], high[0]) < start < min(low[1], high[1]):
        start, end = (low[0] + 60, high[1] - 60) if low[0] > high[0] else (low[1] - 60, high[0] + 60)
    return f'<path class="arrow" d="M{start:g} {low[2]:g}L{end:g} {high[3]:g}"/>'


def box(x, y, width, height, style):
    """A rectangle with round corners."""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" class="{style}"/>'


def text(x, y, words, style, anchor="start"):
    """Words that begin at x, or have their middle there."""
    return f'<text x="{x:g}" y="{y:g}" class="{style}" text-anchor="{anchor}">{words}</text>'


def drawn():
    """The picture."""
    shared = ", ".join(sorted(module.split(".")[-1] for module in MODULES if room_of(module) == "base"))
    rooms = graph({m: room_of(m) for m in MODULES if room_of(m) not in (None, "base", "front")})
    ground = graph({module: module.removeprefix("nnref.") for module in ALLOWED})
    inside = {"oracle": (rooms, columns_of(rooms, ROOMS)), "ground": (ground, columns_of(ground, GROUND))}
    ends, lines, y = {}, [], 20
    for floor in FLOORS:
        height = 56 + ROW * max(len(names) for name in floor for names in inside.get(name, ((), [()]))[1])
        height += 30 if "oracle" in floor else 0
        for name, ((left, right), what) in floor.items():
            ends[name] = left, right, y, y + height
            lines += [box(left, y, right - left, height, "part"), text(left + 12, y + 23, name, "name")]
            lines += [text(left + 12, y + 43, what, "note"), *(flow(*inside[name], y + 52) if name in inside else ())]
        if "oracle" in floor:
            lines.append(text(WIDE[0] + 12, y + height - 12, f"shared by the rooms: {shared}", "note"))
        y += height + GAP
    lines += [upward(ends[low], ends[high]) for high, lower in reduced(parts()).items() for low in lower]
    return "\n".join([HEAD.format(height=y - GAP + 20, style=STYLE), *lines, "</svg>\n"])


if __name__ == "__main__":
    sys.stdout.buffer.write(drawn().encode())
