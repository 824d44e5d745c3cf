"""What keeps somebody from reading a page, in light and dark, on a phone and a screen."""

from axe_playwright_python.sync_playwright import Axe

GATE = (("light", 320), ("dark", 1200))  # each color scheme once, and each width
ALL = (*GATE, ("dark", 320), ("light", 1200))
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
    window.forgetGrounds = () => { grounds = new Map([[null, ""]]); };
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
WIDER_THAN_THE_PAGE = "() => document.documentElement.scrollWidth > innerWidth"
SMALL = """part => [...document.querySelectorAll(part)].flatMap(
    part => [...part.querySelectorAll("button, input:not([type=checkbox]), summary")]
    .filter(one => {
        const {width, height} = (one.closest("label") ?? one).getBoundingClientRect();
        return one.checkVisibility({opacityProperty: true}) && (width < 24 || height < 24);
    }).map(one => `smaller than 24 px: ${one.outerHTML.slice(0, 200)}`))"""
# A dropdown that has been opened grows for a moment, and fades in.
UNFOLD = """() => {
    document.querySelectorAll("details").forEach(box => { box.open = true; });
    for (const animation of document.getAnimations()) {
        const {endTime} = animation.effect.getComputedTiming();
        if (Number.isFinite(endTime)) animation.finish();
    }
}"""
PASSED = []  # looks of text whose contrast has been measured, in this process of tests


def noise_of(page):
    """Collect complaints on a page's console, and what it asks for outside its folder."""
    page.set_default_timeout(120_000)  # ms; for a machine that is slow or busy
    noise = []

    def hear(message):
        if message.type in ("error", "warning"):  # the theme's switch logs what it does
            noise.append(message.text)

    def watch(request):
        if not request.url.startswith(("file://", "data:", "blob:", "about:")):
            noise.append(f"asks for {request.url}")

    page.on("console", hear)
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", watch)
    return noise


def barriers(page, rules=RULES, part=None):
    """Return which of these rules of axe the page, or a part of it, breaks, and where."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(LOOK_OF)
        page.evaluate(Axe().axe_script)
        page.evaluate(MEASURE_EACH_LOOK_ONCE, PASSED)
    found, passed = page.evaluate(
        """async ([rules, part]) => {
            // Axe can't tell a contrast on a gradient, and what may scroll has the shadows of its
            // edges. Without them it can, so each look of code is measured, and only once.
            const plain = new CSSStyleSheet();
            plain.replaceSync("body { --goes-on: none !important }");
            document.adoptedStyleSheets = [...document.adoptedStyleSheets, plain];
            forgetGrounds();
            // Axe may not load style sheets from file://. Details of what passes take time.
            const options = {runOnly: rules, preload: false, resultTypes: ["violations"]};
            // What is off may be pale.
            const where = {include: [[part ?? "html"]], exclude: [[".play-off"]]};
            const {violations} = await axe.run(where, options);
            document.adoptedStyleSheets = document.adoptedStyleSheets.filter(one => one !== plain);
            return [violations.flatMap(({id, nodes}) => nodes.map(
                ({html}) => `${id}: ${html.slice(0, 200)}`)), passedHere()];
        }""",
        [rules, part],
    )
    PASSED.extend(sorted({*passed} - {*PASSED}))
    return found


def look(page, scheme, width):
    """Bring the page into a color scheme and a width, without motion."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})


def problems(page, looks=GATE, part=None):
    """Return each barrier, small target and sideways scroll of a page, or a part, in these looks.

    Dark differs from light in its colors alone.
    """
    found = []
    for scheme, width in looks:
        look(page, scheme, width)
        page.evaluate(UNFOLD)
        page.evaluate("scrollTo(0, 0)")  # what lies over the page covers another target elsewhere
        rules = RULES if scheme == "light" else RULES_OF_COLOR
        here = barriers(page, rules, part) + page.evaluate(SMALL, part or "article .play")
        here += ["scrolls sideways"] if page.evaluate(WIDER_THAN_THE_PAGE) else []
        found += [(scheme, width, problem) for problem in here]
    return found
