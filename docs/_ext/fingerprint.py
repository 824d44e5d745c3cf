"""Re-run every page and example when the code that they import changes.

Neither cache looks past its own file: jupyter-cache knows a page's cells and sphinx-gallery a
script's text, so an edit of ``charseq`` would leave old results on the site.
"""

import hashlib
import platform
from importlib.metadata import version


def fingerprint(root, libraries=("torch", "numpy", "matplotlib")):
    """Hash what results depend on: the package, how figures are drawn, and the versions below."""
    digest = hashlib.sha256(platform.python_version().encode())
    for name in libraries:
        digest.update(f"{name} {version(name)}\n".encode())
    for folder in ("charseq", "docs/_ext", "docs/_ipython/profile_default"):
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
