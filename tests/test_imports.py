"""Who may import whom, read from the source; and what `import nnref` loads."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import nnref

PACKAGE = Path(nnref.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
FRAMEWORKS = {"torch", "jax", "tensorflow", "keras", "onnx", "onnxruntime", "openvino", "tvm", "tinygrad", "mlx"}


def imports(module):
    """Every module that `module` names in an import anywhere in its source, made absolute."""
    path = MODULES[module]
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            submodules = [name for alias in node.names if (name := f"{source}.{alias.name}") in MODULES]
            yield from submodules or [source]


def within(module, package):
    return module == package or module.startswith(package + ".")


def own(module):
    """The modules of nnref that `module` imports, but those of its own package."""
    return {name for name in imports(module) if within(name, "nnref")}


def modules_of(package):
    return [module for module in MODULES if within(module, package)]


ALLOWED = {
    "nnref.errors": set(),
    "nnref.decimal_functions": set(),
    "nnref.numeric": {"nnref.decimal_functions"},
    "nnref.dtypes": {"nnref.errors", "nnref.numeric"},
    "nnref.options": {"nnref.errors"},
    "nnref.windows": {"nnref.errors", "nnref.numeric", "nnref.options"},
    "nnref.im2col": {"nnref.numeric", "nnref.windows"},
    "nnref.layer": {"nnref.errors", "nnref.numeric", "nnref.dtypes"},
}
FOR_LAYERS = {f"nnref.{name}" for name in ("errors", "numeric", "dtypes", "options", "windows", "im2col", "layer")}
BELOW_ARITHMETIC = {"nnref.errors", "nnref.decimal_functions"}


@pytest.mark.parametrize("module", ALLOWED)
def test_the_base_modules_import_only_what_lies_below_them(module):
    assert own(module) <= ALLOWED[module]


@pytest.mark.parametrize("module", modules_of("nnref.layers"))
def test_a_layer_imports_the_base_and_never_another_layer(module):
    assert own(module) <= FOR_LAYERS


@pytest.mark.parametrize("module", modules_of("nnref.arithmetic"))
def test_arithmetic_imports_of_nnref_what_all_of_it_rests_on(module):
    assert {name for name in own(module) if not within(name, "nnref.arithmetic")} <= BELOW_ARITHMETIC


@pytest.mark.parametrize("module", [m for m in MODULES if within(m, "nnref.layers") or m in ALLOWED or m == "nnref"])
def test_layers_know_nothing_of_what_is_built_on_them(module):
    above = ("nnref.arithmetic", "nnref.bounds", "nnref.algebra", "nnref.oracle", "nnref.cli")
    assert not [name for name in own(module) if any(within(name, package) for package in above)]


@pytest.mark.parametrize("module", modules_of("nnref.bounds") + modules_of("nnref.algebra"))
def test_bounds_and_algebra_know_nothing_of_the_oracle(module):
    assert not [name for name in own(module) if within(name, "nnref.oracle") or within(name, "nnref.cli")]


ROOMS = (  # of the oracle, in the order in which data flow: none imports from one behind it
    "base",  # the files of nnref/oracle that the rooms share
    "operations",
    "cases",
    "arrays",
    "targets",
    "expectation",
    "verdict",
    "diagnosis",
    "search",
    "report",
    "exchange",
    "campaign",
    "front",  # nnref.oracle itself, and check
)
FRONT = {"nnref.oracle", "nnref.oracle.check"}
FOREIGN = {  # where packages that are extras may be imported
    "hypothesis": ("nnref.oracle.cases.drawn", "nnref.oracle.search", "nnref.oracle.exchange.vectors"),
    "ml_dtypes": ("nnref.oracle.dtypes", "nnref.oracle.targets"),
    "jinja2": ("nnref.oracle.report.html",),
    "markupsafe": ("nnref.oracle.report.html",),
    "rich": ("nnref.cli",),
    "pytest": ("nnref.conformance",),
    "z3": ("nnref.algebra.every_shape",),
}


def room_of(module):
    """The room of a module of the oracle, None for any other."""
    if not within(module, "nnref.oracle"):
        return None
    name = module.split(".")[2] if module.count(".") > 1 else ""
    return name if name in ROOMS else "front" if module in FRONT else "base"


@pytest.mark.parametrize("module", modules_of("nnref.oracle"))
def test_no_room_of_the_oracle_imports_from_one_behind_it(module):
    own_room = ROOMS.index(room_of(module))
    behind = [name for name in own(module) if room_of(name) and ROOMS.index(room_of(name)) > own_room]
    assert not behind


@pytest.mark.parametrize("module", modules_of("nnref.oracle"))
def test_the_oracle_knows_nothing_of_what_is_built_on_it(module):
    above = ("nnref.cli", "nnref.conformance")
    assert not [name for name in own(module) if any(within(name, package) for package in above)]


def test_every_room_has_a_folder_and_every_folder_is_a_room():
    folders = {path.parent.name for path in (PACKAGE / "oracle").glob("*/__init__.py")}
    assert folders == set(ROOMS) - {"base", "front"}


def test_no_import_is_part_of_a_circle():
    """Of the package's modules, with imports that stand within functions."""
    list(TopologicalSorter({module: own(module) for module in MODULES}).static_order())  # CycleError names the circle


@pytest.mark.parametrize("module", MODULES)
def test_foreign_packages_are_imported_only_where_they_are_used(module):
    roots = {name.split(".")[0] for name in imports(module)}
    foreign = roots - set(sys.stdlib_module_names) - {"nnref", "numpy"}
    allowed = {name for name, places in FOREIGN.items() if any(within(module, place) for place in places)}
    if within(module, "nnref.oracle.targets"):
        framework = module.split(".")[3:4]
        allowed |= {name for name in FRAMEWORKS if framework and framework[0].startswith(name)}
    assert foreign <= allowed


def test_these_rules_see_imports():
    assert "nnref.numeric" in own("nnref.windows")
    assert "nnref.layers.conv2d" in own("nnref")
    assert len(MODULES) > 20
    with pytest.raises(CycleError):
        list(TopologicalSorter({"a": {"b"}, "b": {"a"}}).static_order())


def test_import_nnref_loads_numpy_and_the_standard_library_alone():
    """In a new interpreter, against one that has loaded NumPy only."""
    modules = "import sys, numpy; before = set(sys.modules); import nnref; print(*(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", modules], capture_output=True, text=True, check=True)
    roots = {name.split(".")[0] for name in run.stdout.split()}
    assert roots - set(sys.stdlib_module_names) <= {"nnref", "numpy"}  # parts of NumPy load late
