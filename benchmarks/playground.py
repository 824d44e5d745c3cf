"""The playground: its network compared with eager torch, and how long it keeps a browser busy.

The network runs in Deno, which comes as a wheel. The page of a built site runs in the system's
Chromium. If one of them is missing, its rows say so.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from benchmarks.work import entering

CONTENDERS = {}
contender = entering(CONTENDERS)
ROOT = Path(__file__).resolve().parents[1]
STORE = "document.querySelector('.play-train').store"  # what the widgets of the page look at
TEXT = " learned deep learning"
SLICE = 30  # milliseconds that the page trains before it lets the browser do something else


class Run(NamedTuple):
    """A run with the settings that the playground starts with."""

    cell: str
    epochs: int = 50

    def __str__(self):
        return f"{self.cell} 16"

    @property
    def settings(self):
        return {
            "text": TEXT, "order": "", "cell": self.cell, "outputLayer": True, "hidden": 16,
            "optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "clip": None, "epochs": self.epochs,
            "seed": 0, "skip": 0,
        }  # fmt: skip


SIZES = {cell: Run(cell) for cell in ("RNN", "GRU", "LSTM")}


def characters(run):
    """Return the number of epochs that one yield trains; they stand in for characters here."""
    return run.epochs


@contender("plain: charseq.training_steps, eager torch", code="charseq")
def plain(run):
    import torch

    from charseq import CharRNN, Vocabulary, training_steps

    vocab = Vocabulary.from_text(TEXT)
    while True:
        model = CharRNN(len(vocab), 16, cell=run.cell, seed=0).double()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        steps = training_steps(model, vocab, TEXT, epochs=run.epochs, optimizer=optimizer)
        yield [record.loss for record in steps]


def in_deno(size):
    """Return the command that runs playground.js, which obeys the orders of benchmarks.worker."""
    import deno

    driver = Path(__file__).with_suffix(".js")
    run = [deno.find_deno_bin(), "run", "--quiet", "--allow-read", driver]
    return [*map(str, run), json.dumps(SIZES[size].settings)]


@contender("network.js in Deno", code="charseq", command=in_deno)
def core(run):
    raise NotImplementedError("it runs in another program, see `command`")


def first(run):
    """Return how many runs are compared before anything is timed."""
    return 1


def disagreement(run, contender, runs, all_runs):
    """Return where the losses of a run differ from torch's, or an empty string."""
    pairs = zip(runs[0], all_runs.get("plain", runs)[0], strict=True)
    for epoch, (loss, expected) in enumerate(pairs, 1):
        if not abs(loss - expected) <= 1e-9:
            return f"loss {loss:.12f} at epoch {epoch}, where torch has {expected:.12f}"
    return ""


# How long the browser is kept busy

LARGEST_RUN = {
    "text": "".join(chr(0x4E00 + k) for k in range(60)),
    "cell": "LSTM",
    "hidden": 64,
    "epochs": 400,
    "optimizer": "adam",
}
LARGE_NETWORK = {
    "text": "the quick brown fox jumps over the lazy dog and 1234567890AB",
    "cell": "LSTM",
    "hidden": 64,
    "epochs": 5,
}
LABELS = {
    "slice": f"a slice of {SLICE} ms of training, in Deno",
    "task": "the longest task of the largest run, in Chromium",
    "redraw": "a redraw of a large network, in Chromium",
    "read": "1,000 characters read by the trained network, in Deno",
    "look": "the longest task while a reader looks into it, in Chromium",
    "search": "the longest task while a reader types into the site's search, in Chromium",
}
# Most milliseconds. A reader notices a delay of 100; 500 are 2,000 characters per second.
BARS = {"slice": 100, "task": 100, "redraw": 100, "read": 500, "look": 50, "search": 50}


class Missing(Exception):  # noqa: N818 - it says what happened
    """Something that a measurement needs is not installed or not built."""


def chromium():
    """Return the path of the system's Chromium."""
    found = map(shutil.which, ("chromium", "google-chrome", "chromium-headless-shell"))
    path = os.environ.get("CHROMIUM") or next(filter(None, found), None)
    if not path:
        raise Missing("not installed: chromium")
    return path


class Page:
    """A page of the site in its own Chromium, which measures how long the page's tasks take."""

    def __init__(self, site, name="playground.html"):
        self.address = (site / name).resolve()
        if not self.address.is_file():
            raise Missing(f"not built: {self.address}")
        try:
            from playwright.sync_api import sync_playwright
        except ModuleNotFoundError as error:
            raise Missing(f"not installed: {error.name}") from None
        path = chromium()
        as_root = ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
        quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        self.playwright = sync_playwright().start()
        self.browser = self.playwright.chromium.launch(
            executable_path=path, args=[*quiet, *as_root, "--disable-gpu", "--no-first-run"]
        )
        self.tab = self.browser.new_page()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.browser.close()
        self.playwright.stop()

    def open(self, settings):
        self.tab.goto("about:blank")
        self.tab.goto(f"{self.address.as_uri()}#{urlencode(settings)}")
        self.tab.wait_for_selector(".play-verdict b", state="attached")

    def scroll_through(self):
        """Show each part once, because a part is created when it is first visible."""
        for part in self.tab.locator("[data-play]").all():
            part.scroll_into_view_if_needed()
            part.locator(".play-part").wait_for()

    def longest_task(self, action):
        """Run the action and return the CPU milliseconds of the page's longest task."""
        categories = ["toplevel", "disabled-by-default-devtools.timeline", "devtools.timeline"]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trace.json"
            self.browser.start_tracing(page=self.tab, path=path, categories=categories)
            action()
            self.browser.stop_tracing()
            events = json.loads(path.read_text("utf-8"))["traceEvents"]
        page_threads = {
            (event["pid"], event["tid"])
            for event in events
            if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        }
        return max(
            event.get("tdur", 0) / 1000
            for event in events
            if event["name"] == "RunTask" and (event["pid"], event["tid"]) in page_threads
        )


def largest_run(page):
    """Train the largest run that the page allows, move through its epochs, and start another."""
    page.open(LARGEST_RUN)
    page.scroll_through()
    slider = page.tab.get_by_role("slider", name="Epoch", exact=True)
    for key in ("Home", "PageUp", "PageUp", "ArrowRight", "End", "ArrowLeft", "ArrowLeft"):
        slider.press(key)
        page.tab.wait_for_timeout(50)
    page.tab.get_by_role("slider", name="Seed, slider").press("ArrowRight")
    page.tab.wait_for_function(f"{STORE}.view.run.settings.seed === 1")


LONG_TEXT = 'f(x) is a call (of f), and "f(x)" is a text. ' * 400
RANKED = ".play-look-find table"


def open_network(page):
    """Open the chapter that looks into a trained network, without loading the network."""
    page.tab.goto("about:blank")
    page.tab.goto(page.address.as_uri())
    page.tab.locator("[data-play='look']").scroll_into_view_if_needed()
    page.tab.locator(".play-look button").wait_for()


def look_inside(page):
    """Load the network, read a long text, choose units and characters, rank, silence, write."""
    tab = page.tab
    tab.locator(".play-look button").click()
    tab.locator(".play-look textarea").fill(LONG_TEXT)
    tab.locator(".play-look h3", has_text=f"of {len(LONG_TEXT)}").wait_for(timeout=120_000)
    for key in ("Home", "ArrowRight", "ArrowRight", "PageUp", "End"):
        tab.get_by_label("Unit, slider").press(key)
        tab.wait_for_timeout(50)
    tab.locator(".play-look-text [tabindex]").focus()
    for key in ("ArrowLeft", "ArrowUp", "PageUp", "ArrowDown"):
        tab.keyboard.press(key)
        tab.wait_for_timeout(50)
    tab.locator(".play-look-find summary").click()
    tab.locator(RANKED).wait_for()
    tab.get_by_role("checkbox", name="Silence unit").check()
    tab.locator(".play-look p", has_text="without unit").wait_for(timeout=120_000)
    tab.get_by_role("button", name="Write on", exact=True).click()
    tab.wait_for_timeout(1000)
    tab.get_by_role("button", name="Stop").click()


def measure_network(rounds, site):
    """Return the rows of the trained network."""
    with Page(site, "learn/look-inside.html") as page:
        open_network(page)
        tasks = []
        for _ in range(rounds):
            open_network(page)
            tasks.append(page.longest_task(lambda: look_inside(page)))
    return {"look": {"milliseconds": tasks}}


PHRASES = (
    "how does a gated unit keep what it has read",
    "hidden state of the last step with batch_first",
    "RuntimeError: input.size(-1) must be equal to input_size. Expected 28, got 64",
)


def open_search(page):
    """Open the search of a page, and wait for its index."""
    page.tab.goto("about:blank")
    page.tab.goto(page.address.as_uri())
    page.tab.keyboard.press("/")
    page.tab.locator(".search-help p").wait_for()


def type_phrases(page):
    """Type each phrase key by key, and wait for the words around what was found."""
    for phrase in PHRASES:
        page.tab.locator(".search-field").fill("")
        page.tab.keyboard.type(phrase, delay=50)  # ms between two keys
        page.tab.locator(".search-around mark").first.wait_for()


def measure_search(rounds, site):
    """Return the row of the search."""
    pages = sorted(site.rglob("*.html"), key=lambda path: path.stat().st_size)
    largest = pages[-1] if pages else site / "index.html"
    tasks = []
    with Page(site, largest) as page:
        for _ in range(rounds):
            open_search(page)
            tasks.append(page.longest_task(lambda: type_phrases(page)))
    return {"search": {"milliseconds": tasks}}


def measure(rounds, site, start):
    """Return for each of LABELS its {"milliseconds"}, one number per round, or a {"problem"}.

    `start(command)` starts a program and returns an object like bench.Worker.
    """
    rows = {}
    try:
        deno = start(in_deno("LSTM"))
        try:
            deno.answer()
            rows["slice"] = {"milliseconds": deno.ask(f"slices {SLICE}")}
            script = site / "_static" / "austen.js"
            if script.exists():
                times = [deno.ask(f"read {script.as_uri()}") for _ in range(rounds)]
                rows["read"] = {"milliseconds": times}
            else:
                rows["read"] = {"problem": f"not built: {script}"}
        finally:
            deno.close()
    except ModuleNotFoundError as error:
        rows["slice"] = rows["read"] = {"problem": f"not installed: {error.name}"}
    try:
        with Page(site) as page:
            page.open({})  # starts the page's process and loads its files, untimed
            tasks = [page.longest_task(lambda: largest_run(page)) for _ in range(rounds)]
            rows["task"] = {"milliseconds": tasks}
            page.open(LARGE_NETWORK)
            page.scroll_through()
            redraw = f"t => {{ {STORE}.set({{t}}); document.body.offsetHeight; }}"
            rows["redraw"] = {
                "milliseconds": [
                    page.longest_task(lambda t=t: page.tab.evaluate(redraw, t % 50))
                    for t in range(1, rounds + 1)
                ]
            }
    except Missing as missing:
        rows["task"] = rows["redraw"] = {"problem": str(missing)}
    try:
        rows |= measure_network(rounds, site)
    except Missing as missing:
        rows["look"] = {"problem": str(missing)}
    try:
        rows |= measure_search(rounds, site)
    except Missing as missing:
        rows["search"] = {"problem": str(missing)}
    return rows
