"""What keeps somebody from reading a page: axe's rules, in both color schemes, narrow and wide."""

from axe_playwright_python.sync_playwright import Axe

SCHEMES = ("light", "dark")
WIDTHS = (320, 1200)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES_OF_COLOR = ["color-contrast", "link-in-text-block"]

# How each piece of text looks: its color, all that is behind it, and whether axe counts it as
# large, which needs less contrast. How large it is matters where it has a shadow or a stroke.
LOOK_OF = """() => {
    let grounds; // what is behind each element, as text

    function behind(element) {
        if (!grounds.has(element)) {
            const style = getComputedStyle(element);
            const own = [style.backgroundColor, style.backgroundImage, style.backgroundClip,
                style.opacity, style.mixBlendMode, style.position].join();
            grounds.set(element, behind(element.parentElement)
                + (own === "rgba(0, 0, 0, 0),none,border-box,1,normal,static" ? "" : `${own};`));
        }
        return grounds.get(element);
    }

    window.lookOf = element => {
        const style = getComputedStyle(element);
        const {color, fontSize, fontWeight, textShadow, webkitTextStroke} = style;
        const points = Math.ceil(72 * parseFloat(fontSize)) / 96; // as axe rounds
        const isLarge = points >= (parseFloat(fontWeight) >= 700 ? 14 : 18);
        const isPlain = textShadow === "none" && webkitTextStroke.startsWith("0px");
        return [behind(element), color, isPlain ? isLarge : fontSize, fontWeight,
            textShadow, style.webkitTextFillColor, webkitTextStroke].join();
    };
    const sizeOf = element => getComputedStyle(element).fontSize;
    const within = (element, around) => ` in ${lookOf(around)}${
        sizeOf(element) === sizeOf(around) ? "" : ", of another size"}`;
    window.forgetGrounds = () => { grounds = new Map([[null, ""]]); };
    window.looksOfText = () => {
        const found = new Set();
        forgetGrounds();
        for (const element of document.body.querySelectorAll("*")) {
            const says = [...element.childNodes].some(
                node => node.nodeType === Node.TEXT_NODE && node.data.trim());
            if (says && element.checkVisibility({visibilityProperty: true})) {
                const link = element.closest("a"); // it is compared with its text, too
                found.add(lookOf(element) + (link ? within(element, link.parentElement) : ""));
            }
        }
        return [...found];
    };
}"""
# A page has up to a thousand pieces of text in a hundred looks, and axe measures the contrast of
# each: most of its time. Here a look that has passed once, on this page or on one before, is not
# measured again. What axe cannot tell is measured at the next such piece, which may be easier to
# see. What is laid over the page is always measured, since what is behind it need not be what it
# is inside.
MEASURE_EACH_LOOK_ONCE = """known => {
    const check = axe._audit.checks["color-contrast"], measure = check.evaluate;
    const rule = axe._audit.rules.find(({id}) => id === "color-contrast"), {matches} = rule;
    const passed = new Set(known);
    rule.matches = function (element, ...rest) {
        return !passed.has(lookOf(element)) && matches.call(this, element, ...rest);
    };
    check.evaluate = function (element, ...rest) {
        const shown = lookOf(element);
        if (passed.has(shown)) return true;
        const verdict = measure.call(this, element, ...rest);
        if (verdict && !/absolute|fixed/.test(shown)) passed.add(shown);
        return verdict;
    };
    // A link that is underlined need not be told from the text by its color as well.
    const underlined = axe._audit.checks["link-in-text-block-style"];
    const colored = axe._audit.checks["link-in-text-block"], compare = colored.evaluate;
    colored.evaluate = function (...link) {
        return underlined.evaluate.apply(this, link) || compare.apply(this, link);
    };
    window.passedHere = () => [...passed].slice(known.length);
}"""
WIDER_THAN_THE_PAGE = "width => document.documentElement.scrollWidth > width"
SMALL = """part => [...document.querySelectorAll(part)].flatMap(
    part => [...part.querySelectorAll("button, input:not([type=checkbox]), summary")]
    .filter(one => {
        const {width, height} = one.getBoundingClientRect();
        return one.checkVisibility({opacityProperty: true}) && (width < 24 || height < 24);
    }).map(one => `smaller than 24 px: ${one.outerHTML.slice(0, 200)}`))"""
PASSED = []  # looks of text whose contrast has been measured, in this process of tests
SEEN = set()  # looks of text on the pages that axe has been asked about


def looks(page):
    """Bring the page into each color scheme and width in turn."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size({"width": width, "height": 900})
            yield f"{scheme}, {width} px", width


def new_looks(page):
    """Return the looks of text on this page that were on no page that axe was asked about."""
    if page.evaluate("typeof lookOf === 'undefined'"):
        page.evaluate(LOOK_OF)
    return {*page.evaluate("looksOfText()")} - SEEN


def barriers(page, rules=RULES, part=None, without=()):
    """Return which of these rules of axe the page, or a part of it, breaks, and where."""
    if part is None:
        SEEN.update(new_looks(page))
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(LOOK_OF)
        page.evaluate(Axe().axe_script)
        page.evaluate(MEASURE_EACH_LOOK_ONCE, PASSED)
    found, passed = page.evaluate(
        """async ([rules, part, without]) => {
            // Axe can't tell a contrast on a gradient, and what may scroll has the shadows of its
            // edges. Without them it can, so each look of code is measured, and only once.
            const plain = new CSSStyleSheet();
            plain.replaceSync("body { --goes-on: none !important }");
            document.adoptedStyleSheets = [...document.adoptedStyleSheets, plain];
            forgetGrounds();
            // Axe may not load style sheets from file://. Details of what passes take time.
            const options = {runOnly: rules, preload: false, resultTypes: ["violations"],
                rules: Object.fromEntries(without.map(id => [id, {enabled: false}]))};
            const {violations} = await axe.run(part ?? document, options);
            document.adoptedStyleSheets = document.adoptedStyleSheets.filter(one => one !== plain);
            return [violations.flatMap(({id, nodes}) => nodes.map(
                ({html}) => `${id}: ${html.slice(0, 200)}`)), passedHere()];
        }""",
        [rules, part, list(without)],
    )
    PASSED.extend(sorted({*passed} - {*PASSED}))
    return found


def problems_in_each_look(page, part=None, whole=(), only=None, but=()):
    """Return each barrier, small target and sideways scroll of a part in these looks.

    In the looks of `whole`, axe sees the whole page. Dark differs from light in its colors alone.
    """
    found = []
    for look, width in looks(page):
        if look in but or look not in (only or [look]):
            continue
        page.evaluate("scrollTo(0, 0)")
        rules = RULES if only or look.startswith("light") else RULES_OF_COLOR
        here = barriers(page, rules, part=None if look in whole else part)
        here += ["scrolls sideways"] if page.evaluate(WIDER_THAN_THE_PAGE, width) else []
        here += page.evaluate(SMALL, part or "article .play")
        found += [(look, problem) for problem in here]
    return found
