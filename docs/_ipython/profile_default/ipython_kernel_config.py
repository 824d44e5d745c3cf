"""Settings of the kernels that run the site's pages; conf.py points IPYTHONDIR here."""

import sys
from pathlib import Path

from ipykernel.iostream import OutStream

sys.path.append(str(Path(__file__).parents[2] / "_ext"))
from figures import RC  # the same look as the gallery's

c = get_config()  # noqa: F821 - IPython defines it
c.IPKernelApp.log_level = "ERROR"  # not a line about its port on every page
c.HistoryManager.enabled = False  # no database: two kernels at once would fight for it
c.InlineBackend.figure_formats = {"svg"}  # sharp at any zoom
c.InlineBackend.rc = RC
c.InlineBackend.print_figure_kwargs = {"bbox_inches": None, "metadata": {"Date": None}}

# Send what a cell prints when it ends, not five times a second: a message that is cut between a
# line and its end would get a blank line when MyST-NB joins the parts.
OutStream.flush_interval = 3600
