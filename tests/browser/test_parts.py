"""The live parts of all pages, each worked as a reader would, by keyboard alone.

Numbers are compared in tests/parts, without a browser. Here each control is reached, shows that it
has the focus, changes what is shown, and where it is set back, that is set back, too.
"""

import re
from pathlib import Path

import pytest
from accessible import problems

DOCS = Path(__file__).parents[2] / "docs"
PARTS = {
    path.relative_to(DOCS).with_suffix(".html").as_posix(): names
    for path in sorted(DOCS.rglob("*.md"))
    if (names := re.findall(r"^`{3,}\{play\} (\w+)", path.read_text("utf-8"), re.M))
}
HOSTILE = """"'><img src=x onerror="hacked=1"><b id=slipped>${hacked=1}</b>"""
SLIPPED = "[document.querySelectorAll('#slipped, img[src=x]').length, typeof hacked]"
# What acts on another part, on a text that is not there yet, or only with other settings.
ACTS_ELSEWHERE = {
    *("Copy", "proj_size", "proj_size, slider", "Play", "Pause", "Step", "Start again", "Train"),
    *("Temperature τ", "Top-k", "Seed", "Seed, slider"),
}
WITHOUT_UNITS = "output-layer"  # its first line is about letters
STOPS = """part => [...part.querySelectorAll(
    "button, input, textarea, select, summary, a[href], [tabindex='0']")].filter(one =>
    one.checkVisibility({visibilityProperty: true}) && !one.disabled && one.tabIndex >= 0
    && (one.type !== "radio" || one.checked))"""
IS_THERE = "one => one.isConnected && !one.disabled && one.checkVisibility()"
NOW = """() => {
    const one = document.activeElement;
    const seen = one.type === "radio" ? one.nextElementSibling ?? one : one;
    return [one, getComputedStyle(seen).outlineStyle !== "none"];
}"""
# All that a part shows, but for one of its controls, and what a screen reader is told.
SHOWN = """([part, control]) => {
    const isTyped = control.matches("textarea, [type=text], :not([type])");
    const own = isTyped ? control : control.closest(".play-field, label") ?? control;
    own.dataset.own = "";
    const copy = part.cloneNode(true);
    delete own.dataset.own;
    for (const gone of copy.querySelectorAll("[data-own], .play-unseen")) gone.remove();
    const fields = [...part.querySelectorAll("input, textarea")].filter(one =>
        !own.contains(one) && !(one.type === "radio" && one.name === control.name));
    return [copy.innerHTML.replaceAll(/play-[0-9]+/g, ""),
        ...fields.map(({value, checked, disabled}) => [value, checked, disabled]),
        ...[...part.querySelectorAll("canvas")].map(canvas => canvas.toDataURL())].join("|");
}"""

# The same, once thirty frames in a row show it.
SETTLED = f"""async both => {{
    let last = null, now = ({SHOWN})(both);
    for (let same = 0; same < 30; same = now === last ? same + 1 : 0) {{
        last = now;
        await new Promise(requestAnimationFrame);
        now = ({SHOWN})(both);
    }}
    return now;
}}"""
# Whether that becomes, or stops being, what it was before.
BECOMES = f"""async ([both, before, same]) => {{
    for (let frame = 0; frame < 600; frame++) {{
        if ((({SHOWN})(both) === before) === same) return true;
        await new Promise(requestAnimationFrame);
    }}
    return false;
}}"""
SLIDE = """(bar, value) => {
    bar.value = value;
    bar.dispatchEvent(new Event("input", {bubbles: true}));
}"""


def name_of(control):
    return control.evaluate(
        "one => one.ariaLabel || one.labels?.[0]?.textContent || one.textContent"
    )


def reach_all(part):
    """Press Tab until the part is left; return what had the focus, once each of it has had it."""
    page = part.page
    part.evaluate("part => { part.tabIndex = -1; part.focus(); }")
    expected = part.evaluate_handle(STOPS)
    reached = []
    for _ in range(expected.evaluate("all => all.length")):
        page.keyboard.press("Tab")
        control, has_ring = page.evaluate_handle(NOW).get_properties().values()
        assert has_ring.json_value(), name_of(control)
        reached.append(control.as_element())
    assert page.evaluate("([all, own]) => all.every((one, k) => one === own[k])",
                         [expected, reached])  # fmt: skip
    page.keyboard.press("Tab")
    assert not part.evaluate("part => part.contains(document.activeElement)")
    return reached


def assert_acts(part, control):
    """Work a control by its keys: what the part shows changes, and comes back with it."""
    name, kind = name_of(control), control.evaluate("one => one.type || one.localName")
    page, both = part.page, [part.element_handle(), control]
    if (
        name in ACTS_ELSEWHERE
        or not control.evaluate(IS_THERE)
        or control.evaluate("one => one.ariaDisabled === 'true'")
    ):
        return
    control.focus()
    at = control.input_value() if kind == "range" else ""
    is_last = kind == "range" and at == control.get_attribute("max")
    keys = {"range": "Home" if is_last else "End", "radio": "ArrowDown", "checkbox": "Space"}

    def back():
        if kind == "range":
            control.evaluate(SLIDE, at)
        else:
            page.keyboard.press({"radio": "ArrowUp"}.get(kind, "Space"))

    if kind in keys:
        page.keyboard.press(keys[kind])
        back()
        before = page.evaluate(SETTLED, both)
        page.keyboard.press(keys[kind])
        assert page.evaluate(BECOMES, [both, before, False]), name
        back()
        assert page.evaluate(BECOMES, [both, before, True]), name
        return
    before = page.evaluate(SHOWN, both)
    if kind in ("text", "textarea"):
        page.keyboard.press("End")
        page.keyboard.press("Backspace" if control.input_value() else "7")
    is_chosen = control.evaluate("one => one.ariaPressed === 'true'")
    if is_chosen or kind not in ("text", "textarea", "button", "submit", "summary"):
        return
    page.keyboard.press("Enter")
    assert page.evaluate(BECOMES, [both, before, False]), name


# In one task, or it might have gone on meanwhile.
BEGIN = """(press, bar) => {
    press.click();
    const begun = [bar.value, press.textContent];
    press.click();
    return [...begun, press.textContent];
}"""


def assert_plays(player):
    """Play acts at once, goes to the end, and there begins again, with and without motion."""
    page, press = player.page, player.get_by_role("button", name=re.compile("Play|Pause"))
    bar = player.locator("input[type=range]")
    step, again = (player.get_by_role("button", name=name) for name in ("Step", "Start again"))
    again.press("Enter")
    least, first, most = bar.get_attribute("min"), bar.input_value(), bar.get_attribute("max")
    for motion in ("no-preference", "reduce"):
        page.emulate_media(reduced_motion=motion)
        bar.press("End")
        assert press.evaluate(BEGIN, bar.element_handle()) == [least, "Pause", "Play"]
        begun, *others = press.evaluate(BEGIN, bar.element_handle())
        assert int(least) < int(begun) < int(most)
        assert others == ["Pause", "Play"]
        bar.press("End")
        bar.press("ArrowLeft")
        press.press("Enter")
        page.wait_for_function("bar => bar.value === bar.max", arg=bar.element_handle())
        player.get_by_role("button", name="Play").wait_for()
        assert press.get_attribute("aria-pressed") == "false"
    for key, value in (("Home", str(int(least) + 1)), ("End", most)):
        bar.press(key)
        step.press("Enter")
        assert bar.input_value() == value
    again.press("Enter")
    assert bar.input_value() == first


def turn(control):
    """A text comes first, since buttons bring others, and sliders last."""
    is_button, is_typed = control.evaluate(
        "one => [one.localName === 'button', one.matches('textarea, [type=text], :not([type])')]"
    )
    return 1 if is_button else 2 * (not is_typed)


HEIGHTS = "parts => parts.map(part => part.getBoundingClientRect().height)"


@pytest.mark.parametrize("name", [name for name in PARTS if name != "playground.html"])
def test_each_control_of_the_parts_of_a_page_acts_by_keyboard(name, visit):
    page = visit(name, width=390)
    page.emulate_media(reduced_motion="reduce")
    places = page.locator("[data-play]")
    assert places.evaluate_all("all => all.map(place => place.dataset.play)") == PARTS[name]
    room = places.evaluate_all(HEIGHTS)
    for place in places.all():
        place.scroll_into_view_if_needed()
        part = place.locator(".play-part")
        part.locator("button, input").first.wait_for()
        if (load := part.get_by_role("button", name="Load the network")).count():
            load.press("Enter")
            part.get_by_text("This text costs").first.wait_for()
    taken = places.evaluate_all(HEIGHTS)
    for part in page.locator(".play-part").all():
        players = part.locator(".play-player:visible").all()
        for player in players:
            player.locator("input").press("End")
        controls = reach_all(part)
        for control in sorted(controls, key=turn):
            if not (WITHOUT_UNITS in name and name_of(control) == "Unit"):
                assert_acts(part, control)
        for player in players:
            assert_plays(player)
        part.locator("details:has(textarea)").evaluate_all("all => all.map(one => one.open = true)")
        for field in part.locator("input[type=text], input:not([type]), textarea").all():
            field.fill(HOSTILE)
            field.press("Enter")
    assert page.evaluate(SLIPPED) == [0, "undefined"]
    assert problems(page, part=".play") == []
    if "look" not in PARTS[name]:  # there the reader has made it larger
        assert [height or taken[k] for k, height in enumerate(room)] == pytest.approx(taken, abs=8)
