"""The course as one drawing, in which each chapter has a place.

map.svg has a drawing for each place. A thread runs through all of them, from left to right and
back: a row holds six on a wide page, and three on a phone. The links lie over the drawing.
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
BEND, NAMES = 14, 42  # the radius of a bend; the height of a name, which the small map leaves out


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
            y += FIRST
            continue
        y += HEAD
        count = ceil(len(listed) / ceil(len(listed) / most))
        for start in range(0, len(listed), count):
            yield part, y, listed[start : start + count]
            y += ROW


def height(width, most):
    return max(y for _, y, _ in rows(width, most)) + ROW


def boxes(width, most):
    """Return the box of each chapter, by its page. Every second row runs to the left."""
    found = {}
    for number, (_, y, listed) in enumerate(rows(width, most)):
        first = not listed[0].number
        cell = min(110, 0.27 * width) if first else width / len(listed)
        for at, chapter in enumerate(listed):
            place = at if number % 2 else len(listed) - 1 - at
            size = (cell - 6, 32) if first else (min(cell, 150), ROW - 4)
            found[chapter.page] = Box((place + 0.5) * cell, y + 8 * first, *size)
    return found


def drawing(width, most):
    """Return the thread and the places on it, as SVG."""
    listed, drawn = list(rows(width, most)), []
    middles = [y + (MIDDLE if row[0].number else 24) for _, y, row in listed]
    for number, ((part, _, row), y) in enumerate(zip(listed, middles, strict=True)):
        right = number % 2
        end, turn = (width - 16, BEND) if right else (16, -BEND)
        path = f"M{width - end} {y}H{end}"
        if number + 1 < len(middles):
            arc = f"a{BEND} {BEND} 0 0 {right} "
            path += f"{arc}{turn} {BEND}V{middles[number + 1] - BEND}{arc}{-turn} {BEND}"
        drawn.append(f'<path class="thread {part.get("thread", "m")}" d="{path}"/>')
        step, way = width / len(row), 1 if right else -1
        tips = "".join(
            f"M{at * step - 3 * way:g} {y - 5}l{6 * way} 5 {-6 * way} 5"
            for at in range(1, len(row) if row[0].number else 0)
        )
        drawn += [f'<path class="thread {part.get("thread", "m")}" d="{tips}"/>'] if tips else []
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
    listed = []
    for part in table()[0]:
        links = []
        for chapter in part["chapters"]:
            style = "".join(percent(at[la][chapter.page], *size, n) for la, size, n in layouts)
            number = f"<b>{chapter.number}</b> " if chapter.number else ""
            links.append(
                f'<li style="{style}"><a class="map-place" data-page="{chapter.page}"'
                f' data-title="{chapter.title}" href="{uri_of(chapter.page)}">{number}<span>'
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
    ratios = "".join(f"--{n}:{w}/{h};" for n, (w, h) in zip(("wide", "tall"), sizes, strict=True))
    first = next(chapter.page for chapter in chapters().values() if chapter.number)
    return (
        '<nav class="map-frame wide on-screen" aria-label="Map of the course">'
        f'<div class="map" style="{ratios}">'
        f'<svg class="map-defs" aria-hidden="true"><defs>{definitions()}</defs></svg>{drawings}'
        f"{''.join(listed)}"
        '<p class="map-hint">Point at a chapter to see its question.</p></div>'
        f'<p class="map-start"><a class="map-go" href="{uri_of(first)}">Start with chapter 1</a>'
        "</p></nav>\n"
    )


def as_html(text):
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def small_map(chapter, uri_of):
    """Return the map as a small picture, with the place of a chapter and those that it needs."""
    width, most = WIDE
    shown = boxes(width, most)
    marks = "".join(
        f'<rect class="map-{kind}" x="{x - w / 2:g}" y="{y - 4}" width="{w:g}" height="{h}"/>'
        for kind, page in [*(("needed", page) for page in chapter.needs), ("lit", chapter.page)]
        for x, y, w, h in [shown[page]]
    )
    total = height(width, most) - NAMES
    return (
        f'<a class="map-here on-screen" href="{uri_of("learn/index")}" title="To the map">'
        f'<svg viewBox="0 0 {width} {total}" role="img" aria-label="The map of the course">'
        f'<image href="{uri_of("_static/map.svg")}" width="{width}" height="{total}"/>{marks}'
        "</svg></a>\n"
    )


def picture():
    """Return the file that the small maps show. Its lines are thick, since it is shown small."""
    width, most = WIDE
    total = height(width, most) - NAMES
    styles = DRAWINGS.with_name("map-picture.css").read_text("utf-8")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}">'
        f"<style>{styles}</style><defs>{definitions()}</defs>{drawing(width, most)}</svg>\n"
    )
