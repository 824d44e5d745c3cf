"""Warn if another package no longer is as one of the extensions needs it."""

from sphinx.util import logging

logger = logging.getLogger(__name__)


def complain(problem, **options):
    logger.warning("%s", problem, type="upstream", **options)
