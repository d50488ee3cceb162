"""What the oracle can be pointed at: how a target is found by name, and called so that nothing it does can do harm.

A target is any object, module or file with functions named like nnref's (`conv2d`, `conv2d_backward`, …; any subset).
Built in are the frameworks, one file each, and two that need no framework: nnref's own float layers, and the
`definition`, the formulas as plain loops. A program of any language is one through `nnref.oracle.process_target`.
"""
