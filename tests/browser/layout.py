"""How a page lies in its window: all of it in view, no narrow column, nothing torn or covered.

One look at a page and a width measures all of this: some milliseconds, where the page is open
already, as it is in test_pages.py, which breaks each of these once.
"""

from accessible import UNFOLD

USUAL = (390, 1280)  # px
LAPTOPS = (1366, 1440, 1536)
WIDTHS = (320, *USUAL, 768, 1024, *LAPTOPS, 1920)

# A box within the text that scrolls shows everything in the end. The column of the text scrolls,
# too, where the screen is narrow, but nobody should have to move a whole page for one formula.
FAULTS = """() => {
    const article = document.querySelector("article");
    const faults = [];
    const fault = (what, element) =>
        faults.push(`${what}: ${element.outerHTML.replace(/\\s+/g, " ").slice(0, 120)}`);
    const styles = new Map();
    const styleOf = (element) => {
        if (!styles.has(element)) styles.set(element, getComputedStyle(element));
        return styles.get(element);
    };
    const isSeen = (element) => element.checkVisibility({opacityProperty: true})
        && !element.closest(".play-unseen, .map-question, .sphx-glr-thumbcontainer p");

    // What lies outside of the boxes that cut off what is too wide for them, or below the list of
    // headings that stands at the right of a wide window.
    const list = document.querySelector(".toc-drawer")?.getBoundingClientRect();
    const end = list?.width && list.right <= innerWidth ? list.left : innerWidth;
    for (const element of article.querySelectorAll("*")) {
        if (!element.checkVisibility() || element.closest(".play-unseen")) continue;
        const {left, right, width} = element.getBoundingClientRect();
        if (!width) continue;
        for (let box = element.parentElement; box; box = box.parentElement) {
            const {overflowX} = styleOf(box);
            const isRoot = box === document.documentElement;
            if (overflowX === "visible" && !isRoot) continue;
            if (/auto|scroll/.test(overflowX) && box.closest("article")) break;
            const shown = isRoot ? {left: 0, right: end} : box.getBoundingClientRect();
            const beyond = Math.max(shown.left - left, right - shown.right);
            if (beyond <= 1) continue;
            fault(`${Math.round(beyond)} px cut off`, element);
            break;
        }
    }

    // Code, tables and formulas that go on, with no shadow at their edge that says so.
    for (const box of article.querySelectorAll("pre, .table-wrapper, .output, .formula")) {
        const {backgroundAttachment, overflowX} = styleOf(box);
        if (box.scrollWidth <= box.clientWidth + 1 || !/auto|scroll/.test(overflowX)) continue;
        if (!backgroundAttachment.includes("local")) fault("goes on without a sign", box);
    }

    // Columns of a table that are narrower than a word or twelve characters of what is in them.
    for (const cell of article.querySelectorAll("td, th")) {
        const signs = [...cell.querySelectorAll("math, code")].map(sign => sign.textContent);
        const text = signs.reduce((rest, sign) => rest.replace(sign, ""), cell.textContent.trim());
        if (text.length <= 12 || !/\\s/.test(text) || !cell.checkVisibility()) continue;
        if (cell.colSpan > 1 || cell.closest(".play")) continue;
        const size = parseFloat(styleOf(cell).fontSize);
        if (cell.clientWidth < 12 * 0.5 * size) fault("a narrow column", cell);
        else if (cell.scrollWidth > cell.clientWidth + 1) fault("a word too long", cell);
    }

    const texts = [];
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    for (let node; node = walker.nextNode();) {
        if (!node.data.trim() || !isSeen(node.parentElement)) continue;
        texts.push(node);
        const box = node.parentElement.closest("button, output, summary");
        if (!box || styleOf(node.parentElement).clipPath !== "none") continue;
        range.selectNodeContents(node);
        const [{left, right}, own] = [range, box].map(one => one.getBoundingClientRect());
        if (left < own.left - 1 || right > own.right + 1) fault("spills over its edge", box);
    }

    // Letters and pictures that cover others. A formula, a drawing and a box that scrolls are one.
    const WHOLE = "math, svg, pre, canvas, img, button, select, textarea, input, .play-scroll, "
        + ".table-wrapper, .output";
    const leaves = [...article.querySelectorAll(WHOLE)]
        .filter((element) => !element.parentElement.closest(WHOLE) && isSeen(element)
            && !element.closest("[aria-hidden], label") && styleOf(element).position !== "absolute")
        .map((element) => [element, [element.getBoundingClientRect()]]);
    for (const node of texts) {
        if (node.parentElement.closest(`${WHOLE}, [aria-hidden], .headerlink, label`)) continue;
        range.selectNodeContents(node);
        leaves.push([node.parentElement, [...range.getClientRects()]]);
    }
    const boxes = leaves
        .flatMap(([element, parts]) => parts.map((rect) => ({element, rect})))
        .filter(({rect}) => rect.width > 1 && rect.height > 1)
        .sort((a, b) => a.rect.top - b.rect.top);
    let open = [];
    for (const {element, rect} of boxes) {
        open = open.filter((other) => other.rect.bottom > rect.top + 6);
        const other = open.find((one) => one.element !== element
            && Math.min(one.rect.right, rect.right) - Math.max(one.rect.left, rect.left) > 3
            && Math.min(one.rect.bottom, rect.bottom) - rect.top > 6);
        if (other) {
            const {tagName, textContent} = other.element;
            fault(`covered by ${tagName} ${textContent.trim().slice(0, 30)}`, element);
        }
        open.push({element, rect});
    }
    return faults;
}"""


# All words of the text are 40 % longer, as a translation's may be, but for signs of no language.
LENGTHEN = """() => {
    const article = document.querySelector("article");
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    let count = 0;
    for (let node; node = walker.nextNode();) {
        if (node.parentElement.closest("[translate=no], script, style")) continue;
        node.data = node.data.replace(/\\S+/g, w => w + w.slice(0, Math.ceil(0.4 * w.length)));
        count++;
    }
    return count;
}"""


def load_parts(page):
    """Unfold what is folded, and let each live part load, which it does as a reader comes near."""
    page.evaluate(UNFOLD)
    for part in page.locator("[data-play]").all():
        part.scroll_into_view_if_needed()
        part.locator(".play-part").wait_for()
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")  # what is sticky is in its place


def faults(page, widths):
    """Return each width at which something is wrong, and what: by touch where it is narrow."""
    devtools = page.context.new_cdp_session(page)
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        touch = {"enabled": width < 800}
        devtools.send("Emulation.setTouchEmulationEnabled", touch)
        for _ in range(2):  # what watches its own width draws itself anew in the next frame
            page.evaluate("new Promise(requestAnimationFrame)")
        found += [(width, fault) for fault in page.evaluate(FAULTS)]
    devtools.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    devtools.detach()
    return found
