"""How fast nnref is: its layers compared with torch and with a bare matrix product, the oracle, exact arithmetic.

``python -m benchmarks`` prints tables. ``--markdown`` prints docs/benchmarks.md. ``--json FILE`` writes the figures.
"""
