"""Run the command line: ``python -m charseq``."""

from charseq.cli import main

main()
