"""Warn, and so fail the build, where no extension does.

An image without alternative text, a NaN in an output, an example that did not run.
"""

import re

IMAGE = re.compile(r"<img\b[^>]*>")
# Where there is none, Sphinx puts the file's name. Thumbnails are empty by intent: the link beside
# each says the same in words.
ALT = re.compile(r"""\balt=(["'])(?!\s*\1|\S*_images/)|_thumb\.""")
OUTPUT = re.compile(r'<div class="(?:output |sphx-glr-script-out)[^>]*>.*?</pre>', re.DOTALL)


def broken(html):
    for image in IMAGE.findall(html):
        if not ALT.search(image):
            yield f"an image has no alternative text: {image}"
    for output in OUTPUT.findall(html):
        if re.search(r"\bnan\b", re.sub(r"<[^>]+>", "", output), re.IGNORECASE):
            yield f"an output has a NaN: {output[-200:]}"
    is_example = "sphx-glr-download-python" in html
    if is_example and "sphx-glr-script-out" not in html and "_images/sphx_glr" not in html:
        yield "the example has no output and no figure: did it run?"
