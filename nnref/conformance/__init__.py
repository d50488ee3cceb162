"""Tests of any implementation: ``pytest --pyargs nnref.conformance --nnref-target=TARGET``.

There is one test for each operation, direction and dtype. `nnref.conformance.plugin` makes them.
"""
