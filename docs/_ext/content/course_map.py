"""The course as one drawing, in which each chapter has a place.

map.svg has a drawing for each place. A thread runs through all of them, row by row, as one reads: a
row holds six on a wide page, and three on a phone. The links lie over the drawing.
"""

import re
from functools import cache
from html import escape
from math import ceil
from pathlib import Path
from typing import NamedTuple

from course_table import chapters, table, typeset

DRAWINGS = Path(__file__).with_name("map.svg")
WIDE, TALL = (720, 6), (330, 3)  # width, and places in a row
FIRST, HEAD, ROW, MIDDLE = 52, 30, 114, 36  # heights; of a row, where the thread is
BEND, BACK = 14, 14  # the radius of a bend; the room between two rows, where the thread returns


class Box(NamedTuple):
    """Where a chapter is on the map."""

    x: float  # of the middle
    y: float  # of the upper edge
    width: float
    height: float


def rows(width, most):
    """Yield the rows of a map: its part if the row begins one, its upper edge and its chapters."""
    y = 0
    for part in table()[0]:
        listed = part["chapters"]
        if not listed[0].number:
            yield part, y, listed
            y += FIRST + BACK
            continue
        y += HEAD
        count = ceil(len(listed) / ceil(len(listed) / most))
        for start in range(0, len(listed), count):
            yield part, y, listed[start : start + count]
            y += ROW + BACK


def height(width, most):
    return max(y for _, y, _ in rows(width, most)) + ROW


def boxes(width, most):
    """Return the box of each chapter, by its page."""
    found = {}
    for _, y, listed in rows(width, most):
        first = not listed[0].number
        cell = min(110, 0.27 * width) if first else width / len(listed)
        for at, chapter in enumerate(listed):
            size = (cell - 6, 41) if first else (min(cell, 150), ROW - 4)
            found[chapter.page] = Box((at + 0.5) * cell, y + 3.5 * first, *size)
    return found


def drawing(width, most):
    """Return the thread and the places on it, as SVG."""
    listed, drawn = list(rows(width, most)), []
    middles = [y + (MIDDLE if row[0].number else 24) for _, y, row in listed]
    for (part, top, row), y, below in zip(listed, middles, [*middles[1:], None], strict=True):
        step, color, inner = width / len(row), part.get("thread", "m"), range(1, len(row))
        tips = "".join(f"M{at * step - 3:g} {y - 5}l6 5-6 5" for at in inner if row[0].number)
        drawn.append(f'<path class="thread {color}" d="M16 {y}H{width - 16}{tips}"/>')
        if below:
            back, arc = top + (ROW if row[0].number else FIRST), f"a{BEND} {BEND} 0 0"
            drawn.append(
                f'<path class="thread back" d="M{width - 16} {y}{arc} 1 {BEND} {BEND}V{back}'
                f"q0 6-6 6H8q-6 0-6 6V{below - BEND}{arc} 0 {BEND} {BEND}"
                f'M{width / 2 + 3:g} {back + 1}l-6 5 6 5"/>'
            )
    left = 0.6 * width + 20
    for at, letter in enumerate("learned"):
        x = left + at * (width - 30 - left) / 6
        drawn.append(f'<text x="{x:.0f}" y="{middles[0] + 6}">{letter}</text>')
    places = boxes(width, most)
    for page, chapter in chapters().items():
        if chapter.place:
            x, y = places[page][:2]
            drawn.append(f'<use href="#map-{chapter.place}" x="{x:g}" y="{y + MIDDLE:g}"/>')
    return "".join(drawn)


@cache
def definitions():
    """Return the drawings of the places that have a chapter."""
    used = {chapter.place for chapter in chapters().values()}
    found = re.findall(r'^<g id="([\w-]+)">(.*)</g>$', DRAWINGS.read_text("utf-8"), re.M)
    if missing := used - {"", *(place for place, _ in found)}:
        raise ValueError(f"map.svg has no drawing for {sorted(missing)}")
    lines = 'fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"'
    return "".join(
        f'<g id="map-{place}" {lines}>{svg}</g>' for place, svg in found if place in used
    )


def percent(box, width, total, names):
    shares = (box.x - box.width / 2) / width, box.y / total, box.width / width, box.height / total
    return "".join(f"--{name}:{100 * part:.4g};" for name, part in zip(names, shares, strict=True))


def map_html(uri_of):
    """Return the map as HTML: the drawings, and over them the links."""
    sizes = [(layout[0], height(*layout)) for layout in (WIDE, TALL)]
    layouts = list(zip((WIDE, TALL), sizes, ("xywh", "abcd"), strict=True))
    at = {layout: boxes(*layout) for layout in (WIDE, TALL)}
    listed, marked = [], {s.page for p in table()[1] if p.get("on_map") for s in p["stops"]}
    for part in table()[0]:
        links = []
        for chapter in part["chapters"]:
            style = "".join(percent(at[la][chapter.page], *size, n) for la, size, n in layouts)
            number = f"<b>{chapter.number}</b> " if chapter.number else ""
            ring = " map-stop" if chapter.page in marked else ""
            links.append(
                f'<li style="{style}"><a class="map-place{ring}" data-page="{chapter.page}"'
                f' href="{uri_of(chapter.page)}">{number}<span>'
                f"{typeset(chapter.label)}</span></a>"
                f'<p class="map-question">{as_html(chapter.question)}</p></li>'
            )
        first = part["chapters"][0].page
        tops = [100 * (at[la][first].y - HEAD + 4) / size[1] for la, size, _ in layouts]
        style = "--y:{:.4g};--b:{:.4g}".format(*tops)
        head = f'<p class="map-part" style="{style}">{part["title"]}</p>'
        kind = "ol" if part["chapters"][0].number else "ul"
        listed.append(f"{head}<{kind}>{''.join(links)}</{kind}>")
    drawings = "".join(
        f'<svg class="{name}" viewBox="0 0 {w} {h}" aria-hidden="true">{drawing(*layout)}</svg>'
        for (layout, (w, h), _), name in zip(layouts, ("map-wide", "map-tall"), strict=True)
    )
    names = [typeset(path["on_map"]) for path in table()[1] if path.get("on_map")]
    ringed = "".join(f" Double rings: {name}." for name in names)
    ratios = "".join(f"--{n}:{w}/{h};" for n, (w, h) in zip(("wide", "tall"), sizes, strict=True))
    return (
        '<nav class="map-frame wide on-screen" aria-label="Map of the course">'
        f'<div class="map" style="{ratios}">'
        f'<svg class="map-defs" aria-hidden="true"><defs>{definitions()}</defs></svg>{drawings}'
        f"{''.join(listed)}"
        f'<p class="map-hint">Point at a chapter to see its question.{ringed}</p>'
        f'<p class="map-hint">Press a chapter to open it.{ringed}</p></div></nav>\n'
    )


def as_html(text):
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
