"""Targets: the implementations that the oracle checks, how they are found by name, and how they are called safely.

A target is any object, module or file with functions named like nnref's (`conv2d`, `conv2d_backward`, …; any subset).
The built-in targets are the frameworks, one file each, and two that need no framework: nnref's own float layers, and
the `definition`, which has the formulas as plain loops. `nnref.oracle.process_target` makes a target of a program in
any language.
"""
