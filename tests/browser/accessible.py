"""What keeps somebody from reading a page: axe's rules, in both colour schemes, narrow and wide."""

from axe_playwright_python.sync_playwright import Axe

SCHEMES = ("light", "dark")
WIDTHS = (320, 1200)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES_OF_COLOUR = ["color-contrast", "link-in-text-block"]

# A page has up to a thousand pieces of text in a hundred looks, and axe measures the contrast of
# each: most of its time. Here a piece passes at once if another one that looks the same has passed.
# What axe cannot tell is measured again at the next such piece, which may be easier to see. What is
# laid over the page is always measured, since what is behind it need not be what it is inside.
MEASURE_EACH_LOOK_ONCE = """() => {
    const check = axe._audit.checks["color-contrast"], measure = check.evaluate;
    let passed, grounds; // looks that have passed; what is behind each element, as text

    function behind(element) {
        if (!grounds.has(element)) {
            const style = getComputedStyle(element);
            grounds.set(element, [behind(element.parentElement), style.backgroundColor,
                style.backgroundImage, style.backgroundClip, style.opacity, style.mixBlendMode,
                style.position].join());
        }
        return grounds.get(element);
    }

    check.evaluate = function (element, ...rest) {
        const style = getComputedStyle(element);
        const look = [behind(element), style.color, style.fontSize, style.fontWeight,
            style.textShadow, style.webkitTextFillColor, style.webkitTextStroke].join();
        if (passed.has(look)) return true;
        const verdict = measure.call(this, element, ...rest);
        if (verdict && !/absolute|fixed/.test(look)) passed.add(look);
        return verdict;
    };
    window.forgetLooks = () => { passed = new Set(); grounds = new Map([[null, ""]]); };
}"""


def looks(page):
    """Bring the page into each colour scheme and width in turn."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            yield f"{scheme}, {width} px", width


def barriers(page, rules=RULES, part=None):
    """Return which of these rules of axe the page, or a part of it, breaks, and where."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(Axe().axe_script)
        page.evaluate(MEASURE_EACH_LOOK_ONCE)
    return page.evaluate(
        """async ([rules, part]) => {
            forgetLooks();
            // Axe may not load style sheets from file://. Details of what passes take time.
            const options = {runOnly: rules, preload: false, resultTypes: ["violations"]};
            const {violations} = await axe.run(part ?? document, options);
            return violations.flatMap(({id, nodes}) => nodes.map(
                ({html}) => `${id}: ${html.slice(0, 200)}`));
        }""",
        [rules, part],
    )
