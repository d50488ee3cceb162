"""How fast nnref is: layers beside torch and a bare matrix product, the oracle, exact arithmetic.

``python -m benchmarks`` prints a table, with ``--markdown`` docs/benchmarks.md; ``--json FILE`` writes the figures.
"""
