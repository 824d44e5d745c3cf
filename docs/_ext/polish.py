"""Mend, in the finished HTML, what extensions get wrong and offer no setting for.

Each entry was found by axe or by eye:

* docutils gives citations a role that ARIA 1.3 deprecates;
* MyST-NB names every folded cell 'Toggle hidden content', whatever its visible label says;
* Furo's landmarks share no names, and its search page has no heading;
* nobody gives SVG figures a size, so that the page jumps as they load.
"""

import re
from functools import cache

PLAIN = {
    ' role="doc-biblioentry"': "",
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' aria-label="Toggle hidden content"': "",
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Site">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    '<div id="search-results"': '<h1>Search</h1>\n<div id="search-results"',
}
SVG = re.compile(r'<img\b(?![^>]*\bwidth=)([^>]*?\bsrc="([^"]*_images/[^"]+\.svg)"[^>]*?)/?>')


@cache
def size(path):
    """Width and height in CSS pixels, of which there are 4 in 3 points."""
    box = re.search(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"', path.read_bytes()[:2000])
    return [round(float(points) * 4 / 3) for points in box.groups()] if box else None


def polish(html, folder):
    """Return a page of that folder as it should have been."""
    for wrong, right in PLAIN.items():
        html = html.replace(wrong, right)

    def sized(match):
        if box := size((folder / match[2]).resolve()):
            return f'<img{match[1].rstrip()} width="{box[0]}" height="{box[1]}">'
        return match[0]

    return SVG.sub(sized, html)
