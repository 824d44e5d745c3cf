"""The playground in Chromium, from the file system: right, reachable, light, and never frozen."""

import contextlib
import gzip
import io
import itertools
import json
import math
import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest
import torch
from accessible import problems_in_each_look
from budgets import EXERCISES, PLAYGROUND
from javascript import STORE, WEB, script_exposing
from layout import END_OF_MOTION
from test_notebook import LOG
from test_pages import quiet  # noqa: F401 - a fixture
from test_play_core import js  # noqa: F401 - a fixture

from charseq import CharRNN, LayerShapes, Vocabulary, train

PAGE = "playground.html"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def play(quiet, site):
    """Open a page at an address once the part that trains has shown its run."""

    quiet.add_init_script(STORE)

    def open_(hash="", page=PAGE, ready=".play-verdict b"):
        quiet.goto("about:blank")
        quiet.goto((site / page).as_uri() + hash)
        quiet.wait_for_selector(ready, state="attached")
        return quiet

    return open_


def let_the_page_act(page):
    """Wait until the page has handled what it was told, and drawn twice since."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def address(**settings):
    return "#" + urlencode(settings)


def verdict(page):
    return page.locator(".play-verdict b").text_content()


def log(page):
    return page.locator("pre[aria-label='Log']").text_content()


def epoch(page):
    return page.locator(".play-scrub output").text_content()


def says(page):
    return "".join(page.locator(".play-says").all_text_contents()).replace("␣", " ")


def set_field(page, label, value):
    page.get_by_label(label, exact=True).fill(str(value))
    page.get_by_label(label, exact=True).press("Enter")


def show_all(page):
    """Scroll through the page, so that each part is there."""
    for part in page.locator("[data-play]").all():
        part.scroll_into_view_if_needed()
        part.locator(".play-part").wait_for()


# --- the run --------------------------------------------------------------------------------------


def test_the_notebooks_run_prints_its_ten_lines(play):
    page = play()
    assert log(page) != LOG
    page.get_by_role("button", name="The notebook’s run").click()
    page.wait_for_function("settings => store.view.run.settings.lr === 0.5")
    assert log(page) == LOG
    assert verdict(page) == "Not there yet."
    wrong = "“i” instead of “e” (letter 6), “l” instead of “d” (letter 9)"
    assert wrong in page.text_content(".play-verdict")
    assert "below the floor, 0.797" in page.text_content(".play-verdict")
    assert page.locator(".play-floor text").text_content() == "floor: 0.797"


NOTEBOOK = {"order": "egnidrl pa", "outputLayer": "false", "lr": "0.5", "skip": "16"}
ODD = {"text": "\"'''\\ {x}${y}\\ </pre><script>alert(1)</script> naïve 🙂🙃 \n\u2028é&amp;"}


def test_torch_runs_the_script_shown_and_prints_the_log_shown(play):
    page = play(address(**ODD, cell="LSTM", seed="1099511627781", epochs=7))
    script = page.locator("pre[aria-label='The same run in PyTorch']").text_content()
    printed = io.StringIO(newline="")
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(printed):
        exec(compile(script, "script", "exec"), {})
    assert printed.getvalue() == log(page) + "\n"
    assert page.locator("article script").count() == 0


JUDGED = [
    ({"epochs": 45}, "spells", r"Learned\. All 21 .* from epoch \d+ on, and the loss is 0\.205\."),
    (
        {"epochs": 50},
        "partly",
        r"20 of 21 .* “e” instead of “i” \(letter 19\)\. "
        r"Every letter was right at 4 epochs, the last time at epoch 46\.",
    ),
    (
        {"epochs": 50},
        "partly",
        r"After “␣learn” the text goes on in more than one way\. "
        r"To tell the ways apart, the network has to look one character further back, "
        r"at 7 in all\.",
    ),
    ({"epochs": 30}, "partly", r"Not there yet\. .* The loss was still falling\."),
    ({"epochs": 15}, "partly", r"\(letter \d+\), and 9 more\."),
    (
        {"text": "abab", "outputLayer": False},
        "spells",
        r"never gets sure: no weights can bring its loss below the floor, 0\.127\.",
    ),
    (
        {"text": "hello world, this is a longer text to learn by heart now", "hidden": 64},
        *(
            "partly",
            r"The loss came down to 0\.8\d+ by epoch \d+\. Then the learning steps were too large",
        ),
    ),
    ({"lr": 1e-4}, "nothing", r"Hardly anything learned\. \d+ of 21 .* too small, or too few\."),
    ({"text": "aaaabaaaab", "epochs": 6}, "nothing", r"It says “a” at every step\."),
    (
        {"lr": 10},
        "worse",
        r"Worse than knowing nothing\. The loss, [\d.]+, is above ln 10 = 2\.303, that of a "
        r"network to which all 10 characters are equally likely\. This one is sure of wrong ",
    ),
    (
        {"lr": 1e308},
        "worse",
        r"Diverged at epoch \d\. The loss or its gradient is no longer a finite number",
    ),
]


@pytest.mark.parametrize(("changes", "outcome", "text"), JUDGED, ids=range(len(JUDGED)))
def test_a_sentence_says_what_happened(js, changes, outcome, text):
    found = js("changes => judge(trained({...DEFAULT, ...changes}))", changes)
    assert found["outcome"] == outcome, found
    assert re.search(text, f"{found['title']} {found['text']}"), found


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({}, []),
        ({"lr": 10}, ["fail"]),
        ({"optimizer": "adam", "lr": 0.1, "cell": "GRU", "epochs": 20}, ["twenty"]),
        ({"optimizer": "adam", "lr": 0.1, "cell": "GRU", "epochs": 21}, []),
        ({"optimizer": "adam", "lr": 0.1, "epochs": 20, "text": "abab"}, []),
        (NOTEBOOK | {"outputLayer": True}, ["change"]),
        (NOTEBOOK | {"outputLayer": True, "epochs": 49}, []),
        (NOTEBOOK | {"lr": 0.4}, []),
        ({"outputLayer": False, "optimizer": "adam", "lr": 0.02, "seed": 5, "epochs": 100},
         ["states"]),
    ],
)  # fmt: skip
def test_a_challenge_is_met_by_what_it_asks_for_and_nothing_less(js, changes, met):
    found = js(
        """changes => {
            const run = trained(parseSettings({...DEFAULT, ...changes}).settings);
            return CHALLENGES.filter(one => one.met(run, judge(run))).map(({key}) => key);
        }""",
        changes,
    )
    assert found == met


def test_the_reader_travels_through_the_epochs_and_sees_each(play):
    page = play(address(**NOTEBOOK, epoch="41"))
    assert epoch(page) == "41 of 50, loss 0.951"
    assert says(page) == "learned leep learneng"
    wrong = page.locator(".play-wrong")
    assert wrong.count() == 2
    assert wrong.first.locator(".play-says").evaluate(
        "e => getComputedStyle(e).borderTopStyle"
    ) == ("solid")
    slider = page.get_by_role("slider", name="Epoch", exact=True)
    slider.focus()
    for key, shown in (("ArrowLeft", 40), ("Home", 1), ("End", 50), ("ArrowLeft", 49)):
        slider.press(key)
        assert epoch(page).startswith(f"{shown} of 50")
        assert slider.get_attribute("aria-valuetext") == epoch(page)
        assert says(page) == page.evaluate(f"store.view.run.records[{shown - 1}].prediction")
    words = page.locator(".play-strip li .play-unseen").first.text_content()
    assert re.fullmatch(r"l: says l, right, \d+ % for l, gradient \S+", words)
    box = page.locator(".play-curve svg").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 60)
    assert 22 <= page.evaluate("store.view.epoch") <= 28


def test_the_strip_and_the_curve_show_the_numbers_of_the_run(play):
    page = play(address(epoch="20"))
    found = page.evaluate(
        """() => {
            const {run} = store.view, {right, flow} = run.records[19];
            const all = name => [...document.querySelectorAll(name)];
            const near = (a, b) => a.every((x, k) => Math.abs(x - b[k]) < 0.01);
            const percent = p => Math.round(100 * p);
            const heights = name => all(name).map(i => parseFloat(i.style.height));
            return [
                near(heights(".play-share i"), [...right].map(p => 100 * p)),
                near(heights(".play-flow i"), [...flow].map(f => 100 * f / Math.max(...flow))),
                near(all(".play-percent").map(e => +e.textContent), [...right].map(percent)),
                all(".play-line")[0].getAttribute("d").split("L").length,
                all(".play-level text").map(e => e.textContent),
            ];
        }"""
    )
    levels = ["knowing nothing, ln 10: 2.303", "table of letter pairs: 0.631"]
    assert found == [True, True, True, 50, levels]
    box = page.locator(".play-curve svg").bounding_box()
    line = page.locator(".play-line").bounding_box()  # its first loss is the highest of all
    assert line["y"] - box["y"] < 0.2 * box["height"]
    assert line["height"] > 0.6 * box["height"]


def test_play_goes_on_to_the_end_and_takes_ten_jumps_where_motion_is_reduced(play):
    page = play(address(epoch="45", epochs="50"))
    # It goes on by itself: a slow machine would see neither "Pause" nor each epoch in time.
    page.locator(".play-scrub output").evaluate(
        """output => {
            window.epochs = [];
            new MutationObserver(() => {
                const epoch = parseInt(output.textContent);
                if (epoch !== epochs.at(-1)) epochs.push(epoch);
            }).observe(output, {characterData: true, childList: true, subtree: true});
        }"""
    )
    press = page.get_by_role("button", name="Play")

    def play_it():
        """Press "Play", and return what the button then says."""
        return press.evaluate(
            "button => (button.click(), [button.textContent, button.ariaPressed])"
        )

    def seen():
        """The epochs that it has gone through, once it has stopped by itself."""
        page.wait_for_function("epochs.at(-1) === 50")
        press.wait_for()
        return page.evaluate("epochs.splice(0)")

    assert play_it() == ["Pause", "true"]
    assert seen() == [46, 47, 48, 49, 50]
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("store.set({epoch: 40})")
    assert play_it() == ["Pause", "true"]
    assert seen() == [40, 45, 50]
    assert play_it() == ["Pause", "true"]  # from the end, it begins anew
    page.get_by_role("button", name="Pause").click()  # to the end it would take nine seconds
    assert press.get_attribute("aria-pressed") == "false"
    assert page.evaluate("epochs[0]") == 1


# --- settings -------------------------------------------------------------------------------------


def test_the_address_keeps_the_settings_and_leads_back_to_them(play):
    page = play()
    set_field(page, "Learning rate", 0.25)
    # By the keyboard: parts that load meanwhile move the page, and a click would miss.
    page.get_by_role("radio", name="GRU").press("Space")
    page.get_by_label("Your own sentence").fill("a <b>bold</b> & 🙂")
    page.wait_for_function(
        """() => {
            const {text, cell, lr} = store.view.run.settings;
            return text.includes("bold") && cell === "GRU" && lr === 0.25;
        }"""
    )
    page.evaluate("store.set({epoch: 7, t: 3, unit: 2})")
    page.wait_for_function("location.hash.includes('epoch=7')")
    kept = page.evaluate("location.hash")
    seen = log(page)
    again = play(kept)
    assert again.get_by_label("Your own sentence").input_value() == "a <b>bold</b> & 🙂"
    assert log(again) == seen
    place = again.evaluate("(({epoch, t, unit}) => [epoch, t, unit])(store.view)")
    assert place == [7, 3, 2]
    again.evaluate("location.hash = '#lr=0.3&epochs=20'")
    again.wait_for_function("store.view.run.settings.epochs === 20")
    assert again.get_by_label("Your own sentence").input_value() == " learned deep learning"
    again.evaluate(  # a place on the page is no setting
        """() => new Promise(done => {
            addEventListener("hashchange", done, {once: true});
            location.hash = "#look-inside";
        })"""
    )
    let_the_page_act(again)
    assert again.get_by_label("Learning rate", exact=True).input_value() == "0.3"
    assert again.evaluate("store.view.run.settings.lr") == 0.3


def test_each_run_that_a_page_links_to_opens_with_its_settings(play, site):
    pages = [site / "teachers.html", *(site / "learn").glob("*.html")]
    html = "".join(page.read_text("utf-8") for page in pages)
    found = re.findall(r'href="(?:\.\./)?playground.html(#[^"]*)"', html)
    addresses = [unescape(a) for a in dict.fromkeys(found)]
    assert len(addresses) >= 18
    for address in addresses:
        page = play(address)
        assert "".join(page.get_by_role("alert").all_text_contents()) == ""
        settings = page.evaluate("store.view.run.settings")
        for name, value in parse_qsl(address[1:]):
            found = page.evaluate("store.view.epoch") if name == "epoch" else settings[name]
            assert (str(found).lower() if isinstance(found, bool) else str(found)) == value, address


def test_an_address_chosen_while_the_page_is_about_to_write_its_own_is_kept(play):
    page = play(address(cell="GRU"))
    page.evaluate(  # replaceState is silent: the page has not heard of the new address yet
        """() => new Promise(done => {
            store.set({t: 3});
            history.replaceState(null, "", "#lr=0.3&epochs=20");
            setTimeout(done, 400);
        })"""
    )
    assert page.evaluate("location.hash") == "#lr=0.3&epochs=20"
    page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
    page.wait_for_function("store.view.run.settings.epochs === 20")


def test_a_field_without_effect_is_off_and_the_end_of_the_slider_means_not_to_clip(play):
    page = play(address(optimizer="adam", outputLayer="false"))
    for label, off in (("Momentum", True), ("Hidden units", True), ("Learning rate", False)):
        for name in (label, f"{label}, slider"):
            assert page.get_by_label(name, exact=True).is_disabled() == off, name
    clip = page.get_by_label("Clip gradients longer than, slider")
    for key, value in (("Home", "0.01"), ("End", "null")):
        clip.press(key)
        page.wait_for_function(f"store.view.run.settings.clip === {value}")
    page.evaluate("hash => { location.hash = hash }", address(optimizer="sgd"))
    page.wait_for_function("store.view.run.settings.outputLayer")
    for name in ("Momentum", "Hidden units, slider"):
        assert page.get_by_label(name, exact=True).is_enabled()


def test_a_new_run_is_drawn_over_the_run_before(play):
    page = play()
    assert page.locator(".play-before").get_attribute("d") == ""
    set_field(page, "Epochs", 30)
    page.wait_for_function("store.view.run.records.length === 30")
    points = "name => document.querySelector(name).getAttribute('d').split('L').length"
    assert [page.evaluate(points, name) for name in (".play-line", ".play-before")] == [30, 30]
    page.get_by_role("slider", name="Seed, slider").press("ArrowRight")
    page.wait_for_function("store.view.run.settings.seed === 1")
    line, ghost = (page.locator(name).get_attribute("d") for name in (".play-line", ".play-before"))
    assert line != ghost
    assert "dotted: the run before" in page.locator(".play-curve").text_content()


HOSTILE = {
    "text": "<img src=x onerror=alert(1)>" * 9,
    "order": "<svg onload=alert(2)>",
    "cell": "<b>CNN</b>",
    "hidden": "1e999",
    "lr": "-1e999",
    "momentum": "NaN",
    "clip": "javascript:alert(3)",
    "epochs": "99999999999999999999",
    "seed": "0x10",
    "skip": "1e9",
    "epoch": "-7",
    "t": "<img>",
    "unit": "1e999",
    "toString": "x",
    "__proto__": "y",
}


def test_absurd_addresses_are_bounded_with_a_message_and_never_become_markup(play):
    page = play(address(**HOSTILE))
    told = " ".join(page.locator(".play-error").all_text_contents())
    for name in ("text", "order", "cell", "hidden", "lr", "momentum", "clip", "epochs", "seed"):
        assert f"{name} must" in told, name
    for name in ("skip", "epoch", "t", "unit"):
        assert f"{name} must" in page.locator("p.play-error").text_content(), name
    hidden = page.locator(".play-field", has=page.get_by_label("Hidden units", exact=True))
    assert 'got "1e999", so 64 is used' in hidden.locator(".play-error").text_content()
    assert page.locator("#train :is(img, script, [onerror], [onload])").count() == 0
    settings = page.evaluate("store.view.run.settings")
    assert len(settings["text"]) == 60
    assert (settings["cell"], settings["hidden"], settings["lr"]) == ("RNN", 64, 0)
    assert page.evaluate("store.view.epoch") == settings["epochs"]


def test_what_an_element_is_given_never_becomes_markup(browser, tmp_path):
    page = browser.new_page()
    page.add_script_tag(path=script_exposing(tmp_path, WEB / "ui" / "elements.js"))
    made = "el('p', {title: '<i>'}, '<b>x</b>', el('i')).innerHTML"
    assert page.evaluate(made) == "&lt;b&gt;x&lt;/b&gt;<i></i>"
    page.close()


def test_a_broken_address_does_no_harm(play):
    for hash in ("#%", "#a=%E0%A4%A", "#=&=&&==", "#text=", "#text=aa", "#lr=0.1&lr=2"):
        assert play(hash).evaluate("store.view.run.records.length") == 50


def test_a_wrong_value_is_told_beside_its_field_and_the_text_being_typed_is_left_alone(play):
    page = play()
    box = page.get_by_label("Momentum", exact=True)
    box.fill("7")
    box.press("Enter")
    assert box.get_attribute("aria-invalid") == "true"
    described = box.get_attribute("aria-describedby").split()
    told = " ".join(page.locator(f"#{name}").text_content() for name in described)
    assert told == ' momentum must be a number from 0 to 0.999: got "7", so 0.999 is used'
    text = page.get_by_label("Your own sentence")
    text.fill("x")
    assert text.input_value() == "x"
    assert "text must have 2 to 60 characters: got 1" in page.locator(".play-top").text_content()
    text.press_sequentially("y")
    page.wait_for_function("store.view.run.settings.text === 'xy'")
    assert "must have" not in page.locator(".play-top").text_content()


# --- challenges and guesses -----------------------------------------------------------------------

SOLVED = {
    "Make it fail": {"lr": "10"},
    "Twenty epochs": {"optimizer": "adam", "lr": "0.1", "cell": "GRU", "epochs": "20"},
    "One change": NOTEBOOK | {"outputLayer": "true"},
    "No output layer": {"outputLayer": "false", "optimizer": "adam", "lr": 0.02, "seed": 5}
    | {"epochs": 100},
}


def test_each_challenge_can_be_met_and_none_is_met_where_it_starts(play):
    page = play()
    names = page.locator(".play-tasks b")
    assert names.all_text_contents() == list(SOLVED)
    for name in (*SOLVED, "One change"):
        page.evaluate("() => { window.runBefore = store.view.run }")
        page.get_by_role("button", name=f"Start here: {name}").click()
        page.wait_for_function("store.view.run !== runBefore")
    assert page.get_by_role("heading", name="Challenges: 0 of 4 met").count() == 1
    set_field(page, "Seed", 1)  # one change, but not the right one
    page.wait_for_function("store.view.run.settings.seed === 1")
    assert page.get_by_role("heading", name="Challenges: 0 of 4 met").count() == 1
    for k, (name, settings) in enumerate(SOLVED.items(), 1):
        page.evaluate("hash => { location.hash = hash }", address(**settings))
        page.get_by_role("heading", name=f"Challenges: {k} of 4 met").wait_for()
        assert names.nth(k - 1).text_content() == f"✓ Met: {name}"
        following = [*SOLVED, "You have met all challenges"][k]
        assert page.locator(".play-next").text_content().startswith(f"{following}.")


KEPT = "charseq.challenges"
ENTRY = f"localStorage.getItem('{KEPT}')"
FORGET = "Forget my progress"


def keep(*keys):
    return json.dumps({"version": 1, "met": keys}, separators=(",", ":"))


def met(page):
    """The heading, and the names of the challenges that the page calls met."""
    names = page.locator(".play-tasks b").all_text_contents()
    heading = page.locator(".play-more h3").text_content()
    return heading, [name.removeprefix("✓ Met: ") for name in names if name[0] == "✓"]


def test_what_a_challenge_has_met_survives_a_reload_until_it_is_forgotten(play):
    page = play()
    forget = page.get_by_role("button", name=FORGET)
    assert forget.count() == 0  # nothing is kept
    page = play(address(lr="10"))
    assert met(page) == ("Challenges: 1 of 4 met", ["Make it fail"])
    own = "Object.keys(localStorage).filter(key => key.includes('charseq'))"
    assert (page.evaluate(own), page.evaluate(ENTRY)) == ([KEPT], keep("fail"))
    page = play(address(**SOLVED["One change"]))
    both = ["Make it fail", "One change"]
    assert met(page) == ("Challenges: 2 of 4 met", both)
    page = play()
    assert met(page) == ("Challenges: 2 of 4 met", both)
    said = page.locator("#train .play-unseen[role=status]")
    said.filter(has_text="Not there yet.").wait_for(state="attached")
    assert "Challenge met" not in said.text_content()  # it was met before
    assert "Nothing is sent anywhere." in page.locator(".play-note", has=forget).text_content()

    forget.press("Enter")
    assert met(page) == ("Challenges: 0 of 4 met", [])
    assert page.evaluate(ENTRY) is None
    assert forget.count() == 0
    assert page.evaluate("document.activeElement.textContent") == "Challenges: 0 of 4 met"
    words = "Your progress is forgotten. Challenges: 0 of 4 met."
    said.filter(has_text=words).wait_for(state="attached")
    assert met(play()) == ("Challenges: 0 of 4 met", [])


def test_another_tab_that_meets_or_forgets_a_challenge_is_followed(play):
    page = play()
    other = page.context.new_page()
    other.goto(page.url)
    for change, count in (
        (f"localStorage.setItem('{KEPT}', '{keep('states')}')", 1),
        (f"localStorage.removeItem('{KEPT}')", 0),
    ):
        other.evaluate(change)
        page.get_by_role("heading", name=f"Challenges: {count} of 4 met").wait_for()
        assert met(page)[1] == ["No output layer"] * count
        assert page.get_by_role("button", name=FORGET).count() == count
    other.close()


ODD_ENTRIES = [
    *("", "null", "1", "[]", "{", "{}", "fail", '"fail"', "\0", "[" * 10_000),
    '{"version":2,"met":["fail"]}',
    '{"version":"1","met":["fail"]}',
    '{"version":1}',
    '{"version":1,"met":null}',
    '{"version":1,"met":"fail"}',
    '{"version":1,"met":{"0":"fail","length":1}}',
    '{"version":1,"met":[["fail"],"__proto__","constructor",0,null,{}]}',
    '{"version":1,"met":["<img src=x onerror=alert(1)>"],"__proto__":{"x":1}}',
    keep(*["fail"] * 10_000),
]


def test_only_keys_of_challenges_come_out_of_the_storage_whatever_is_in_it(play):
    page = play()

    def read(entry):
        """What the page makes of an entry that another tab has written."""
        page.evaluate(
            """([key, entry]) => {
                localStorage.setItem(key, entry);
                dispatchEvent(new StorageEvent("storage", {key}));
            }""",
            [KEPT, entry],
        )
        return met(page)[1]

    assert read(keep("twenty", "nonsense", "fail", "fail")) == ["Make it fail", "Twenty epochs"]
    assert {entry: read(entry) for entry in ODD_ENTRIES} == {entry: [] for entry in ODD_ENTRIES}


def test_an_odd_entry_is_ignored_never_becomes_markup_and_is_replaced(play):
    page = play()
    page.evaluate("([key, entry]) => localStorage.setItem(key, entry)", [KEPT, keep(EVIL)])
    page = play()
    assert met(page) == ("Challenges: 0 of 4 met", [])
    assert page.get_by_role("button", name=FORGET).count() == 0
    assert page.locator("#train :is(img, [onerror])").count() == 0
    page.evaluate("location.hash = '#lr=10'")
    page.get_by_role("heading", name="Challenges: 1 of 4 met").wait_for()
    assert page.evaluate(ENTRY) == keep("fail")
    assert page.get_by_role("button", name=FORGET).count() == 1


# What a browser may refuse. The theme keeps its choice in the same storage, so only our entry is.
REFUSALS = {"all": ("getItem", "setItem", "removeItem"), "what is new": ("setItem",)}
REFUSE = """([methods, ours]) => {
    for (const name of methods) {
        const own = Storage.prototype[name];
        Storage.prototype[name] = function (key, ...rest) {
            if (key === ours) throw new DOMException("no", "QuotaExceededError");
            return own.call(this, key, ...rest);
        };
    }
}"""


@pytest.mark.parametrize("methods", REFUSALS.values(), ids=REFUSALS)
def test_a_browser_that_keeps_nothing_does_no_harm(play, quiet, methods):
    quiet.add_init_script(f"({REFUSE})({json.dumps([methods, KEPT])})")
    page = play(address(lr="10"))
    assert met(page) == ("Challenges: 1 of 4 met", ["Make it fail"])  # for this visit
    assert page.get_by_role("button", name=FORGET).count() == 0
    page.evaluate("hash => { location.hash = hash }", address(**SOLVED["No output layer"]))
    page.get_by_role("heading", name="Challenges: 2 of 4 met").wait_for()


def test_where_the_very_name_of_the_storage_throws_nothing_is_kept(browser, tmp_path):
    page = browser.new_page()  # about:blank has no storage
    page.add_script_tag(path=script_exposing(tmp_path, WEB / "ui" / "storage.js"))
    with pytest.raises(Exception, match="SecurityError"):
        page.evaluate("localStorage")
    entry = "const entry = storedEntry('charseq.challenges', () => 'checked')"
    calls = "entry.write(['fail']), entry.write(null), entry.read()"
    assert page.evaluate(f"() => {{ {entry}; return {calls} }}") is None
    page.close()


# --- for everybody --------------------------------------------------------------------------------


def test_all_of_it_is_reached_and_worked_by_keyboard(play):
    page = play()
    page.get_by_label("Your own sentence").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("banana")
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                """() => {
                    const e = document.activeElement, label = e.labels?.[0]?.textContent;
                    const shown = e.type === "radio" ? e.nextSibling : e;
                    const ring = getComputedStyle(shown).outlineStyle;
                    return [e.ariaLabel || label || e.textContent, ring !== "none"];
                }"""
            )
        )
        if "PyTorch" in seen[-1][0]:
            break
        if seen[-1][0] == "Start over":
            pass
        elif seen[-1][0] == "RNN":
            page.keyboard.press("ArrowRight")
        elif seen[-1][0] in ("Output layer", "Adam"):
            page.keyboard.press("Space")
    assert all(ring for _, ring in seen), seen
    names = [name for name, _ in seen]
    order = ["The notebook’s run", "Start over", "Play", "Epoch", "RNN", "Output layer", "SGD"]
    order += ["Learning rate", "Learning rate, slider", "Momentum", "Epochs", "Seed", "The log"]
    assert [name for name in names if name in order] == order
    page.wait_for_function(
        """() => {
            const {text, cell, outputLayer} = store.view.run.settings;
            return text === "banana" && cell === "GRU" && outputLayer === false;
        }"""
    )


def test_the_playground_is_accessible_in_each_look(play):
    page = play(address(lr="99", epoch="20"))
    show_all(page)
    page.evaluate("document.querySelectorAll('#train details').forEach(box => { box.open = true })")
    let_the_page_act(page)
    page.evaluate(END_OF_MOTION)
    assert problems_in_each_look(page) == []  # a message, and all unfolded


def test_without_scripts_the_page_shows_the_run_as_a_table(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / PAGE).as_uri())
    assert page.locator(".play-part").count() == 0
    parts = page.locator("[data-play]")
    assert [part.get_attribute("data-play") for part in parts.all()] == [
        *("train", "inside", "step", "explorer")
    ]
    tables = parts.all()
    log, weights, sums, layer = (
        [
            row.locator("td").all_text_contents()
            for row in part.locator("table").first.locator("tbody tr").all()
        ]
        for part in tables
    )
    assert all(part.locator("table").first.is_visible() for part in tables)
    model, text = CharRNN(10, 16, seed=0).double(), " learned deep learning"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    history = train(model, Vocabulary.from_text(text), text, optimizer=optimizer)
    assert log == [[str(r.epoch), f"{r.loss:.3f}", r.prediction] for r in history[4::5]]
    assert [(row[0], row[2], row[3]) for row in weights] == [
        (name, str(tuple(p.shape)), str(p.numel())) for name, p in model.named_parameters()
    ]
    assert "618 numbers" in parts.nth(1).text_content()
    assert "def lstm_gates(" in " ".join(parts.nth(1).locator("pre").all_text_contents())
    assert "state after time" in parts.nth(1).locator("tbody").last.text_content()
    assert sum(p.numel() for p in model.parameters()) == 618
    products = [float(row[1].replace("−", "-")) for row in sums[:-1]]
    for row, total in zip(sums, itertools.accumulate(products), strict=False):
        assert float(row[2]) == pytest.approx(total)
    assert sums[-1][2] == f"{math.tanh(sum(products)):.3f}"
    assert layer == [
        [p.name, str(p.shape), p.formula, str(p.count)]
        for p in LayerShapes("LSTM", 10, 16).parameters
    ]
    page.goto((site / "learn/ceiling.html").as_uri())
    assert page.get_by_text("learned leep learneng").last.is_visible()
    context.close()


def test_a_part_whose_script_fails_leaves_its_fallback(browser, site):
    page = browser.new_page()
    page.route("**/scrubber.js*", lambda route: route.abort())
    with page.expect_event("requestfailed", lambda request: "/scrubber.js" in request.url):
        page.goto((site / "learn/ceiling.html").as_uri())  # the part is near from the start
        page.locator("[data-play='scrubber']").scroll_into_view_if_needed()
    let_the_page_act(page)
    assert page.get_by_text("learned leep learneng").last.is_visible()
    page.close()


@pytest.mark.parametrize(
    ("chapter", "at", "epochs", "last"),
    [
        ("learn/train.html", 1, 50, LOG.splitlines()[-1]),
        ("learn/ceiling.html", 50, 300, "epoch 300  loss:0.873  prediction:learnid deep learning"),
    ],
)
def test_a_chapters_scrubber_loads_when_it_comes_near(play, quiet, chapter, at, epochs, last):
    quiet.set_viewport_size({"width": 1300, "height": 100})  # no part is near its first screen
    page = play(page=chapter, ready="[data-play]")
    # Observers are told in the order in which they were made: first that of load-when-near.js.
    page.evaluate(
        "() => new Promise(done => new IntersectionObserver(done).observe(document.body))"
    )
    at_once = {"page-start.js", "page.js", "exercises.js", "exercises.css", "map.css", "room.css"}
    tops = page.locator("[data-play]").evaluate_all("all => all.map(e => e.offsetTop)")
    if min(tops) > 1000:  # that of chapter 5 is near from the start
        assert set(own_files(page)) == at_once
    scrubber = page.locator("[data-play='scrubber']").first
    scrubber.scroll_into_view_if_needed()
    page.locator(".play-says").first.wait_for()
    first = {1: ("2.447", "r rrlrl r lrrrlrrlrrr"), 50: ("0.929", "learnid leep learning")}
    assert (epoch(scrubber), says(scrubber)) == (
        f"{at} of {epochs}, loss {first[at][0]}",
        first[at][1],
    )
    scrubber.get_by_role("slider", name="Epoch").press("Home")
    assert epoch(scrubber) == f"1 of {epochs}, loss 2.447"
    link = scrubber.get_by_role("link", name="Change this run in the playground")
    link.click()
    page.wait_for_selector(".play-verdict b")
    assert log(page).splitlines()[-1] == last
    assert (log(page) == LOG) is (epochs == 50)


def test_pages_without_a_part_load_nothing_of_it(pages):
    marked = {name for name, html in pages.items() if "data-play=" in html}
    assert {PAGE, "learn/train.html", "learn/ceiling.html"} <= marked
    loads = re.compile(r"bundles/(widgets|hero|room)\.css")
    assert marked == {name for name, html in pages.items() if loads.search(html)}


# --- weight ---------------------------------------------------------------------------------------


def own_files(page):
    """The bundles that the page has loaded, and how much each weighs."""
    urls = page.evaluate(
        """[...document.querySelectorAll("script[src], link[rel='stylesheet']")]
            .map(({src, href}) => src ?? href).filter(url => url.includes("/bundles/"))"""
    )
    files = {Path(unquote(urlsplit(url).path)) for url in urls}
    return {file.name: len(gzip.compress(file.read_bytes(), 9, mtime=0)) for file in files}


def test_all_scripts_and_styles_of_the_playground_are_light(play):
    page = play()
    files = own_files(page)
    own = {"train-inside-step-explorer.js", "widgets.css"}
    assert set(files) - {"page-start.js", "page.js"} == own
    assert sum(files[name] for name in own) <= PLAYGROUND, files
    show_all(page)
    page.get_by_label("nn.LSTM").wait_for()
    assert own_files(page) == files


def test_the_scripts_and_styles_of_exercises_are_light(play):
    page = play(page="learn/gates.html", ready=".question form")
    files = own_files(page)
    own = {name: size for name, size in files.items() if name.startswith("exercises.")}
    assert set(own) == {"exercises.js", "exercises.css"}
    assert sum(own.values()) <= EXERCISES, own


def test_each_bundle_is_a_classic_script_that_something_loads(site, pages):
    folder = site / "_static" / "bundles"
    scripts = {path.name: path.read_text("utf-8") for path in folder.glob("*.js")}
    texts = [*pages.values(), *scripts.values()]
    for path in folder.iterdir():
        others = [text for text in texts if text != scripts.get(path.name)]
        assert any(f"bundles/{path.name}" in text for text in others), path
    for name, script in scripts.items():
        assert script.startswith("(()=>{"), name
        # A statement, and no word of a text, which follows a quote or a blank.
        assert not re.search(r"(?<![\w\"' ])(import|export)\b *[{*\"]|/\*\*", script), name
