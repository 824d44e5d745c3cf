"""Replace functions inside other packages, and warn when one is gone or no longer called.

A package may rename what is inside it in any release. Then our replacement does nothing, and the
site changes without a word. So each replacement is made here, and names the release that it is for.
"""

from collections import Counter
from functools import wraps

from sphinx.util import logging

logger = logging.getLogger(__name__)
seen_in = {}  # the release that each replacement is for
calls = Counter()  # how often each replacement was called in this process


def replace(module, name, make, release):
    """Put make(original) in the place of a module's function, and return the original."""
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
    seen_in[full_name] = release
    return original


def complain_if_never_called(*full_names):
    """Warn about those that a whole build has not called in this process."""
    for name in full_names:
        if name in seen_in and not calls[name]:
            complain(f"{name} was not called in a whole build, as it was in {seen_in[name]}")


def complain(problem, **options):
    logger.warning("%s", problem, type="upstream", **options)
