"""Tests of any implementation: ``pytest --pyargs nnref.conformance --nnref-target=TARGET``.

There is one test for each operation, direction, dtype and data mode. `nnref.conformance.plugin` makes them.
"""
