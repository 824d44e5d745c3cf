"""Pictures that pages draw with one call: a module for each part.

A function takes data and draws a figure, or draws on an `ax`. Where a cell
imports it, the page and the notebook show its source instead of the import
(docs/_ext/execution/inlined.py).
"""
