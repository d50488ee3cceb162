"""Write the skeleton of a new layer, and its rows in the lists that CONTRIBUTING.md names.

    python tools/new_layer.py leaky_relu LeakyReLU --like relu

The layer `--like` gives the signatures, the rows and the families, which are files that several layers share. What only
a person can write stays open: functions raise NotImplementedError, a bug does nothing wrong, an example fails. So the
tests say what is left. Ruff sorts what is added. Read the changes with `git diff` before you go on.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DEFINITION = "nnref/oracle/targets/definition"
LAYER = '''r"""{name}: what it is, in a sentence.

    the formula, and its derivative

Source: .
"""

{imports}

__all__ = ["{kind}", "{name}", "{name}_backward"]
{functions}

class {kind}(Layer):
    """Layer form of `{name}`."""

    forward_fn, backward_fn = staticmethod({name}), staticmethod({name}_backward)
'''
TEST = '''"""{name}: values computed by hand."""


def test_by_hand():
    raise NotImplementedError("{name}: compute a few values by hand")
'''
PAGE = """# {name}

What it is, its formula, its gradient, and where frameworks differ.
`{name}`, `{name}_backward`, `{kind}` in [`nnref/layers/{name}.py`](../../nnref/layers/{name}.py).

```python
>>> raise NotImplementedError("{name}: write the page, with an example")
```
"""
BUG = """

@bug("{0}")
def {0}_without_a_bug_yet(right, *arrays, **options):
    return right(*arrays, **options)
"""


class Skeleton:
    """What the repository says about the layer `like`, said of a new layer."""

    def __init__(self, root: Path, name: str, kind: str, like: str) -> None:
        self.root, self.name, self.kind, self.like, self.written = root, name, kind, like, set[str]()
        (self.like_kind,) = re.findall(r"^class (\w+)\(Layer\)", self._read(f"nnref/layers/{like}.py"), re.MULTILINE)

    def _read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def _write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text, encoding="utf-8")
        self.written.add(path)

    def _renamed(self, text: str) -> str:
        text = re.sub(rf"\b{self.like}(?=(_backward|_gradient)?\b)", self.name, text)
        return re.sub(rf"\b{self.like_kind}\b", self.kind, text)

    def _family(self, folder: str, pattern: str) -> str:
        """The path of the file in a folder in which a pattern shows the layer `like`."""
        paths = [path.relative_to(self.root).as_posix() for path in sorted((self.root / folder).glob("*.py"))]
        return next(path for path in paths if re.search(pattern, self._read(path), re.MULTILINE))

    def _stubs(self, path: str, task: str) -> str:
        """The functions of `like` in a file, renamed and empty."""
        lines, found = self._read(path).splitlines(), ""
        for node in ast.parse(self._read(path)).body:
            if isinstance(node, ast.FunctionDef) and node.name in (self.like, f"{self.like}_backward"):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                head = self._renamed("\n".join(lines[first - 1 : node.body[0].lineno - 1]))
                found += f'\n\n{head}\n    """{task}."""\n    raise NotImplementedError("{self.name}: {task}")\n'
        return found

    def _add_rows(self, path: str, *places: str) -> None:
        """Copy the rows about `like` in lists, tuples and dicts, the statement that binds a name, or the imports."""
        lines, rows = self._read(path).splitlines(keepends=True), list[Any]()
        for node in ast.parse("".join(lines)).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in places:
                ends = getattr(node.value, "values", getattr(node.value, "elts", [node]))
                rows += zip(getattr(node.value, "keys", ends), ends, strict=True)
            elif isinstance(node, ast.ImportFrom) and "imports" in places:
                rows.append((node, node))
        for first, end in reversed(rows):
            row = "".join(lines[first.lineno - 1 : end.end_lineno])
            if self._renamed(row) != row:
                lines.insert(end.end_lineno, self._renamed(row))
        self._write(path, "".join(lines))

    def add(self) -> None:
        """Write everything, let ruff sort it, and print the paths."""
        source = f"nnref/layers/{self.like}.py"
        nodes = [n for n in ast.parse(self._read(source)).body if isinstance(n, ast.Import | ast.ImportFrom)]
        names = {"name": self.name, "kind": self.kind, "imports": "\n".join(map(ast.unparse, nodes))}
        definition, bounds = (self._family(folder, rf"^def {self.like}\(") for folder in (DEFINITION, "nnref/bounds"))
        functions = self._stubs(source, "write the formula")
        self._write(f"nnref/layers/{self.name}.py", LAYER.format(**names, functions=functions))
        self._write(f"tests/layers/test_{self.name}.py", TEST.format(**names))
        self._write(f"docs/layers/{self.name}.md", PAGE.format(**names))
        self._write(definition, self._read(definition) + self._stubs(definition, "write the formula as plain loops"))
        self._write(bounds, self._read(bounds) + self._stubs(bounds, "derive how far a correct result may be off"))
        bugs = f"tests/bugs/{Path(bounds).name}"
        self._write(bugs, self._read(bugs) + BUG.format(self.name) + BUG.format(f"{self.name}_backward"))
        self._add_rows("nnref/__init__.py", "imports", "__all__")
        self._add_rows(f"{DEFINITION}/__init__.py", "imports", "__all__")
        self._add_rows(bounds, "__all__")
        self._add_rows(self._family("nnref/oracle/operations", rf'"{self.like}"'), "ROWS")
        self._add_rows("nnref/algebra/claims/gradients.py", "imports", f"{self.like}_gradient")
        self._add_rows("tests/layers/registry.py", "ROWS")
        self._add_rows("tests/oracle/targets/test_definition_examples.py", "ROWS", "TRANSCENDENTAL")
        code = sorted(path for path in self.written if path.endswith(".py"))
        for command in (["check", "--fix", "--select=I,RUF022"], ["format"]):
            subprocess.run([sys.executable, "-m", "ruff", *command, "--quiet", *code], cwd=self.root, check=True)
        print(*sorted(self.written), sep="\n")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> None:
    """The command."""
    form = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    form.add_argument("name", help="name of the function: leaky_relu")
    form.add_argument("kind", help="name of the class: LeakyReLU")
    form.add_argument("--like", required=True, help="a layer that exists: relu")
    given = form.parse_args(arguments)
    if (root / f"nnref/layers/{given.name}.py").exists():
        form.error(f"{given.name} exists")
    Skeleton(root, given.name, given.kind, given.like).add()


if __name__ == "__main__":
    main()
