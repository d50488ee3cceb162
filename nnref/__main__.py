"""``python -m nnref`` is ``nnref``."""

from .cli import main

raise SystemExit(main())
