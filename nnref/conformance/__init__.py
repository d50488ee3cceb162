"""Tests of anybody's layers: ``pytest --pyargs nnref.conformance --nnref-target=TARGET``.

One test for each operation, direction, dtype and data mode; `nnref.conformance.plugin` makes them.
"""
