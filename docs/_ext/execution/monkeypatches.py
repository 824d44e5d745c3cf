"""Replace functions inside other packages, and warn when one is gone or no longer called.

A package may rename what is inside it in any release. Then our replacement does nothing, and the
site changes without a word. So each replacement is made here, and names the release that it is for.
"""

from collections import Counter
from functools import wraps

from sphinx.util import logging

logger = logging.getLogger(__name__)
seen_in = {}  # the release of each that the main process calls in a whole build
calls = Counter()  # how often each replacement was called in this process


def replace(module, name, make, release, *, in_main_process=False):
    """Put make(original) in the place of a module's function, and return the original.

    With `in_main_process`, a whole build in which Sphinx's own process never calls it is a warning,
    too. What other processes call, or what is called for some pages only, is judged by its effect.
    """
    full_name = f"{module.__name__}.{name}"
    original = getattr(module, name, None)
    if original is None:
        complain(f"{full_name}, which we replace, is gone since {release}")
        return None
    ours = make(original)

    @wraps(ours)
    def counted(*args, **kwargs):
        calls[full_name] += 1
        return ours(*args, **kwargs)

    setattr(module, name, counted)
    if in_main_process:
        seen_in[full_name] = release
    return original


def complain_of_never_called():
    """Warn about each replacement that a whole build should have called."""
    for name, release in seen_in.items():
        if not calls[name]:
            complain(f"{name} was not called in a whole build, as it was in {release}")


def complain(problem, **options):
    logger.warning("%s", problem, type="upstream", **options)
