"""The search: an index of the words of every section, and the texts for the words around a hit.

A section is whatever has an address: a heading with what is below it, an entry of the glossary, a
question, a function. postprocess.py reads each page when it is written, on all cores, and remembers
what it holds, so a build that writes one page makes the same index as a clean one.

Both are scripts, since a page from a folder may load a script and nothing else. The index is loaded
when a reader asks for the search, and the text of a page when it is among the results. What the
numbers of the index mean is in docs/_web/search/find-sections.js, which reads them.
"""

import hashlib
import math
import posixpath
import re
import shutil
from collections import Counter, defaultdict
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import snowballstemmer

from bundles import data_script

ARTICLE = re.compile(r"<article.*</article>", re.DOTALL)
EMPTY = ("area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr")
INLINE = (
    *("a", "abbr", "b", "cite", "code", "em", "i", "kbd", "mark", "span", "strong", "sub", "sup"),
    *("math", "semantics", "annotation", "mi", "mn", "mo", "mrow", "msub", "msup", "msubsup"),
)
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# What is no text of the page: what scripts replace, what repeats a title, and numbers of lines.
PASSED = {"script", "style", "svg", "button", "headerlink", "eqno", "linenos", "sphx-glr-footer"}
PASSED |= {"sphx-glr-thumbcontainer"}
# Pages that only list what others say.
UNSEARCHED = ("genindex.html", "py-modindex.html", "search.html", "404.html")

# Of a formula there is the LaTeX source. It is searched and shown as one would type it, W_hh.
SHAPES = (
    r"left|right|text\w*|math\w+|operatorname|q?quad|over\w+|hat|bar|tilde|vec|[lc]?dots|[bB]ig\w?"
)
LATEX = (
    (re.compile(r"\\(begin|end)\{\w+\}"), " "),
    (re.compile(rf"\\({SHAPES})(?![A-Za-z])|\\[,;!]"), ""),
    (re.compile(r"\\([A-Za-z]+)"), r" \1 "),
    (re.compile(r"[\\{}&]"), ""),
)
WORD = re.compile(r"\w+")
DIMENSIONS = re.compile(r"\b(\d)-?D\b")  # 3-D, 3D and 3d are one word
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[a-z]*\d+")
STOP = frozenset(  # words of grammar, which say nothing about a section
    WORD.findall("""
    a about actually after all already also am an and any anyone are arent as at be because
    been before between both but by can cant could did didnt difference differences do does
    doesnt doing don dont each every exactly explain for from get gets give given gives got
    had has have having he her here him his how i if im in into is isnt it its itself ive just
    know let like may me might more most must my need needs no not now of off on one only or
    other our out over own please really s should so some someone such t than that thats the
    their them then there these they this those to too understand up us use used uses using
    versus very vs want was way we were what whats when where which while who why will with
    within wont would you your
    """)
)

# Words of everyday language, which say little: each counts less than its rarity tells.
FAINT = frozenset(
    WORD.findall("""
    answer answers bad best better big bigger come comes day days else even ever find fine finished
    first go goes going good great happen happens help here important keep keeps kept look looking
    lot make makes making matter mean means much never new next nice old own problem problems put
    right say saying says see sense should something start still sudden suddenly super sure
    tell thing things think time times total totally try trying turn two way ways well without
    work working works wrong yet
    """)
)

# What people call it, and what this site calls it. A word finds the others too, with less weight.
# With a colon, the words before it find the words after it, and not the other way round.
RELATED = """\
decrease fall drop shrink
generate write sample invent
model network net
gpu cuda card device
validation val held
converge learn
stuck stay plateau constant
token character
letter character
word token
sequence text
repeat circle loop
inference predict evaluation
reproducible deterministic seed
initialization initial
continue resume
checkpoint save
ppl perplexity
explode nan diverge
slow fast speed
unequal variable different
gibberish garbage nonsense rubbish
layer stack
accuracy acc
forever endless always : circle repeat loop greedy
saying says : repeat generate write
plagiarize memorize memorise recite parrot : copy recite
steal cheat verbatim : copy
book novel poem lyric song story : text
crash kill abort interrupt shutdown reboot power : killed stop resume
pause : stop resume
lucky luck unlucky chance coincidence fluke significant : seed
better winner improvement : seed
threshold maximum cap : limit clip
cutoff cut : clip truncate
slope derivative : gradient
weight parameter
smaller compress lighter tiny reduce : shrink keep quantize
phone mobile embedded raspberry : quantize export onnx
hold keep retain recall : remember memory forget
longer : far long
remember forget memory
days weeks months hours tomorrow future ahead : forecast series steps
predict : forecast
forecast predict
stock price weather sensor sales temperatures : series forecast
price : window
without : export
deploy production ship publish app java swift : export onnx
c cpp java javascript web website page : export onnx
browser website web javascript
server upload send privacy private internet : playground sent anywhere
server : browser
demo toy app interactive : playground play
install setup : pip
installing browser : playground
terminal shell console cli : command line
computer machine
laptop cpu
machines nodes cluster computers pcs : machines several processes
colab kaggle cloud : gpu cuda
ram memory
leak fill full : memory grow
oom : memory
boring dull bland predictable : temperature greedy
random creative crazy wild surprising diverse : temperature bold careful
unsure uncertain confident surprise : entropy perplexity doubt
finished done enough : stop
stop end finish halt
neuron unit
unit cell
node unit
brain neuron
quicker quick speedy : fast faster speed
rate speed : learning rate
fast : rate
hyperparameter tune tuning : choose sizes rate
big large size
wide : hidden size
capacity : size
deep deeper : layer stack
squash squeeze activation : tanh sigmoid
activation nonlinearity
guess prediction
guess output : output input
maths math algebra calculus : mathematics
beginner newbie basics intro introduction : start
begin : start
coded code programming programmer : pytorch start
teacher class lesson classroom students course
lecture syllabus curriculum school university : lesson teacher
homework task : exercise
solution answer : exercise
emoji chinese japanese arabic russian unicode
foreign language languages alphabet : script unicode
umlaut accent diacritic
uppercase lowercase capital capitals case : lower case
small lower : case
review sentiment positive negative spam : classifier losses sentiment
classify classifier classification category label
score loss
score metric : loss accuracy
error mistake : loss
bug mistake wrong
debug bug
overfit overfitting memorize : held validation
useless : validation
unseen : held validation
greek symbol letter notation
sign meaning : symbol notation
formula equation
math : equation
startup first value : initial zeros state
start : initial
nothing : zeros
remember nothing : reset
wipe clear erase clean : reset zero
tensorflow tf : keras
port convert translate switch : carry convert
keras tensorflow
jax flax
subtract minus
difference : subtract
probability chance likelihood
likely probable
confidence : probability
equal same
equally long : lengths
shorter short : lengths padding
sentence text sequence
data : text
ragged uneven varying : lengths padding
fill pad
batch minibatch
chunk piece window
split cut divide
blowup blow blew blown : explode exploding
jump spike : explode jump
explode exploding
vanish disappear die dying
vanish : vanishing
far : reach
flat plateau : stay
worse rise increase grow
better improve : lower
graph plot curve
picture figure chart : gallery
inside peek visualize visualise inspect understand interpret
neuron : inside
attention transformer
transformers gpt llm chatgpt bert : attention
mamba ssm s4 rwkv : linear recurrence
cnn convolution
combine merge join concat
add sum
direction bidirectional
two-way twoway backwards : bidirectional
order : order
reverse backward
translate translation : encoder decoder
seq2seq : encoder decoder
autoencoder : repeatvector
folder directory run
disk storage : folder shrink
file : save load
open read : load
restart reload : loading resume
store save
backup : checkpoint
warning message
crash error
notebook jupyter colab
version upgrade update
old deprecated outdated : removed
license
cite citation reference
print pdf book
offline download
offline everything : run yourself own machine
dictionary vocabulary
lookup table : embedding
number id
numbers index : ids
encode convert
decode : text
clean preprocess : text unicode
punctuation space
shuffle mix order
average mean
normal normalize normalization
layernorm batchnorm : normalization
regularize regularization : dropout decay
noise noisy : dropout
off disable : eval
freeze frozen : eval
dtype type float
shape dimension size axis
dimension axis
mismatch wrong : shape
transpose swap
flatten view reshape
hand manual scratch : hand numpy
check verify test
numerically numerical : finite difference gradient check
prove proof
trick tip
teach : forcing
cheat : forcing
bit nat
bpc bits
baseline beat compare
good : beat
many count number
choose pick select
best : choose
"""

# How much a word counts by where it stands.
WEIGHTS = {"title": 4.0, "words": 1.0, "code": 0.4, "links": 0.3, "page": 0.8, "asked": 1.0}
K, B = 1.2, 0.5  # of BM25: how soon repeats stop to count, and how much length counts
LONG_TITLE = 5  # words: of a longer one, each counts less
LEVELS = 31  # a weight is rounded to one of these
ALPHABET = "".join(chr(code) for code in range(35, 127) if chr(code) != "\\")  # of packed numbers


# What postprocess.py remembers of a page was read by this code. If it changed, pages are read anew.
READER = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


class Sections(HTMLParser):
    """The sections of a finished page, each a dictionary."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self._open = []  # of each open element: its tag, its section, the kinds of text it is in
        if article := ARTICLE.search(html):
            self.feed(article[0])
            self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        _, section, kinds = self._open[-1] if self._open else ("", None, frozenset())
        if section and tag not in INLINE:
            self._add(" ")
        if tag in EMPTY:
            return
        marks = {tag, *(attrs.get("class") or "").split()}
        if tag == "section" or (tag == "dt" and attrs.get("id")):
            section = {"id": attrs.get("id", ""), "title": "", "text": "", "leads": []}
            section |= {"words": "", "code": "", "links": ""}
            self.found.append(section)
        if section and (attrs.get("id") or "").startswith("equation-"):
            section["code"] += f" {attrs['id'].removeprefix('equation-')} "
        if tag == "dt" and "sig" in marks and section["id"] and not section["title"]:
            section["title"] = section["id"]
        elif tag in HEADINGS or (tag == "dt" and attrs.get("id")):
            kinds |= {"title"}
        elif tag == "pre":
            kinds |= {"code"}
        elif tag == "a" and "internal" in marks and not {"term", "passed"} & (marks | kinds):
            kinds |= {"links"}
            if section:
                section["leads"].append([attrs.get("href", ""), ""])
        kinds |= marks & {"traceback", "sig-param", "math", "annotation", "read"}
        if marks & PASSED:
            kinds |= {"passed"}
        self._open.append([tag, section, kinds])

    def handle_endtag(self, tag):
        if tag in EMPTY or all(tag != name for name, *_ in self._open):
            return
        while self._open:
            name, section, _ = self._open.pop()
            if name == tag:
                break
        if tag == "dt" and self._open:
            self._open[-1][1] = section  # of the <dl>, and so of the <dd> that follows
        if tag not in INLINE:
            self._add(" ")

    def handle_data(self, data):
        kinds = self._open[-1][2] if self._open else ()
        if "annotation" in kinds:
            for pattern, plain in LATEX:
                data = pattern.sub(plain, data)
        elif "math" in kinds:
            return
        self._add(data)

    def _add(self, data):
        _, section, kinds = self._open[-1] if self._open else ("", None, ())
        if not section or "passed" in kinds:
            return
        if "title" in kinds and "sig-param" not in kinds:
            section["title"] += data
            return
        section["text"] += data
        if "links" in kinds and "code" not in kinds:
            section["links"] += data
            section["leads"][-1][1] += data
        elif "code" in kinds and "traceback" not in kinds:
            section["code"] += data
        else:
            section["words"] += data


def sections_of(html):
    """Return the sections of a page, each with what it says outside the sections within it."""
    sections = [
        {key: " ".join(v.split()) if isinstance(v, str) else v for key, v in section.items()}
        for section in Sections(html).found
    ]
    for term, entry in reversed([*pairwise(sections)]):
        if term["id"].startswith("term-") and not term["text"]:  # two terms of one entry
            term |= {key: entry[key] for key in ("text", "words")}
    return sections


def words_of(text, numbers=False):
    """Yield the words of a text: names whole, and also their parts."""
    text = DIMENSIONS.sub(r"\1d", text).replace("’", "").replace("'", "")
    for word in WORD.findall(text):
        name = word.strip("_")
        low = name.lower()
        if not low or low in STOP:
            continue
        if low[0].isdigit():
            if numbers or low in ("1d", "2d", "3d", "4d"):
                yield low
            continue
        yield low
        parts = [part.lower() for part in PART.findall(name)] if name.isascii() else []
        if len(parts) > 1:
            yield from (part for part in parts if len(part) > 1 and part not in STOP)


def digits(number, count):
    """Write a number with so many digits of the alphabet."""
    text = ""
    for _ in range(count):
        number, rest = divmod(number, len(ALPHABET))
        text = ALPHABET[rest] + text
    return text


def listed(pages):
    """Yield the name of each page that is searched, with its sections."""
    for name, sections in sorted(pages.items()):
        if name not in UNSEARCHED and sections:
            yield name, sections


def fields_of(pages):
    """Return of each section how often it has which words, by where they stand."""
    fields, place_of = [], {}
    for name, sections in listed(pages):
        page = Counter(words_of(sections[0]["title"], numbers=True))
        for section in sections:
            place_of.setdefault((name, ""), len(fields))  # the page itself is its first section
            place_of[name, section["id"]] = len(fields)
            field = {kind: Counter(words_of(section[kind])) for kind in ("words", "code", "links")}
            field["title"] = Counter(words_of(section["title"], numbers=True))
            field["page"] = Counter() if section is sections[0] else page
            field["asked"] = Counter()
            fields.append(field)
    for name, sections in listed(pages):
        for section in sections:
            for href, text in section["leads"]:
                path, _, place = href.partition("#")
                target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
                number = place_of.get((target if path else name, place))
                if number is not None:
                    # A question in its own words is what people ask about the section.
                    asks = name.startswith("questions/") and section is not sections[0]
                    fields[number]["asked"].update(words_of(section["title"] if asks else text))
    return fields


def weigh(field):
    """Return how much a section is about each of its words, before its length counts."""
    weights = defaultdict(float)
    for kind, counts in field.items():
        for word, count in counts.items():
            times = {
                "words": count,
                "asked": math.sqrt(count),
                "title": min(1, math.sqrt(LONG_TITLE / counts.total())),
            }
            weights[word] += WEIGHTS[kind] * times.get(kind, 1)
    return weights


def pack(pages):
    """Return the index of these pages, as docs/_web/search/find-sections.js unpacks it."""
    stem = cache(snowballstemmer.stemmer("english").stemWord)
    fields = fields_of(pages)
    weights = [weigh(field) for field in fields]
    lengths = [sum(weight.values()) for weight in weights]
    mean = sum(lengths) / max(1, len(lengths))
    # A section that mostly leads elsewhere says little itself.
    own = [3 + sum(field["words"].values()) for field in fields]
    shares = [
        max(0.3, a / (a + sum(f["links"].values()))) for a, f in zip(own, fields, strict=True)
    ]
    groups = defaultdict(lambda: (set(), defaultdict(float)))  # words with one stem; their sections
    for number, weight in enumerate(weights):
        for word, value in weight.items():
            forms, places = groups[stem(word) if word.isalpha() else word]
            forms.add(word)
            places[number] += value
    for word in WORD.findall(RELATED):
        groups[stem(word)][0].add(word)
    number_of = {key: number for number, key in enumerate(sorted(groups))}
    related = []  # pairs of lists: the words of one find those of the other
    for line in RELATED.splitlines():
        sides = [[number_of[stem(word)] for word in WORD.findall(x)] for x in line.split(":")]
        related.append([sides[0], sides[-1]])
    words, counts, steps, levels = [], [], [], []
    for _, (forms, places) in sorted(groups.items()):
        words.append(" ".join(sorted(forms)))
        counts.append(len(places))
        last = -1
        for number, value in sorted(places.items()):
            step, last = number - last, number
            steps.append(digits(step, 1) if step < len(ALPHABET) else digits(step, 3))
            norm = value / (value + K * (1 - B + B * lengths[number] / mean))
            levels.append(digits(max(1, round(LEVELS * norm * shares[number])), 1))
    return {
        "pages": [
            [name.removesuffix(".html"), [[one["id"], one["title"]] for one in sections]]
            for name, sections in listed(pages)
        ],
        "alphabet": ALPHABET,
        "stop": " ".join(sorted(STOP)),
        "faint": " ".join(sorted(FAINT)),
        "related": related,
        "words": "\n".join(words),
        "counts": counts,
        "places": "".join(steps),
        "levels": "".join(levels),
    }


def exists(out):
    return Path(out, "_static", "search", "index.js").exists()


def write(out, pages):
    """Write the index, and beside it the text of each page."""
    folder = Path(out, "_static", "search")
    shutil.rmtree(folder / "text", ignore_errors=True)

    def write_data(file, data):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data_script(f"search/{file}", data), "utf-8", newline="\n")

    write_data("index.js", pack(pages))
    for name, sections in listed(pages):
        page = name.removesuffix(".html")
        write_data(f"text/{page}.js", [section["text"] for section in sections])


def replace_search(app):
    """Let Sphinx make no index of its own, which no page would use."""
    if app.builder.format == "html":
        app.builder.search = False


def setup(app):
    app.connect("builder-inited", replace_search)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
