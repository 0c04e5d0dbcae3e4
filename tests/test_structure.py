"""The shape of the package: layers, the rule language, names, and what the tools say."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import io
import math
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path
from typing import Any

import pytest

import autograd
import nn
from autograd import ops, rules

ROOT = Path(autograd.__file__).parent.parent
PACKAGE = ROOT / "autograd"

# ── Layers: a module imports only from those above it ───────────────────────────────────────────────────────


def words(text: str) -> list[str]:
    return text.split()


LAYERS = words(
    "_version errors modes special ops rule_text rules chain source stepping user_lines explanation "
    "value native engine functions bulk "
    "arrays structure passes calls calculus joint custom linalg implicit pattern colouring sparse optimize propagation "
    "drawing testing debugger program __init__ __main__"
)

EXCEPTIONS = {  # (importer, imported): why
    ("errors", "ops"): "names Op in an annotation; nothing is imported when it runs",
    ("chain", "value"): "names Value in an annotation; nothing is imported when it runs",
    ("stepping", "value"): "the same",
    ("user_lines", "value"): "the same",
    ("explanation", "value"): "the same",
}


def tree(module: str) -> ast.Module:
    path = PACKAGE / module / "__init__.py" if (PACKAGE / module).is_dir() else PACKAGE / f"{module}.py"
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(module: str) -> list[tuple[str, bool]]:
    """(module of this package, whether for types only), for each import in the file, wherever it stands."""
    text = tree(module)
    for_types = {
        id(node)
        for block in ast.walk(text)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    found = []
    here = 2 if (PACKAGE / module).is_dir() else 1  # how many dots mean this package
    for node in ast.walk(text):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.level == here:
            names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "autograd":
            names = [((node.module or "") + ".__init__").split(".")[1]]
        elif isinstance(node, ast.Import):
            names = [(a.name + ".__init__").split(".")[1] for a in node.names if a.name.split(".")[0] == "autograd"]
        found += [(name, id(node) in for_types) for name in names]
    return found


def test_every_module_has_a_layer() -> None:
    packages = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    assert sorted([path.stem for path in PACKAGE.glob("*.py")] + packages) == sorted(LAYERS)


def test_imports_go_only_upward() -> None:
    downward = set()
    for module in LAYERS:
        for name, for_types in imports(module):
            if LAYERS.index(name) >= LAYERS.index(module):
                assert (module, name) in EXCEPTIONS, f"{module} imports {name}, which stands below it"
                assert for_types, f"{module} imports {name} when it runs, not for types only"
                downward.add((module, name))
    assert downward == set(EXCEPTIONS), "an exception that nothing needs any more"


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_imports_go_only_upward_among_the_modules_of_programs() -> None:
    order = words("""arguments caller symbols listing templates code twin gradient sums grids schedule chains loops
        c_functions export c_program lanes batch program recorder compiled training __init__""")
    assert sorted(order) == sorted(path.stem for path in (PACKAGE / "program").glob("*.py"))
    for module in order:
        text = ast.parse((PACKAGE / "program" / f"{module}.py").read_text(encoding="utf-8"))
        for_types = {id(inner) for block in ast.walk(text) if is_for_types(block) for inner in ast.walk(block)}
        for node in ast.walk(text):
            if isinstance(node, ast.ImportFrom) and node.level == 1 and id(node) not in for_types:
                assert order.index(node.module or "") < order.index(module), f"{module} imports {node.module}"


def test_what_prints_the_compiled_engine_reads_ops_and_rules_alone() -> None:
    """So that it runs before anything is compiled."""
    readable = {*LAYERS[: LAYERS.index("rules") + 1], "as_c", "sources"}
    for path in (PACKAGE / "native" / "printer.py", PACKAGE / "native" / "as_c.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                assert set(names) <= readable, f"{path.name} imports {names}"


def test_only_value_and_engine_know_which_class_value_is() -> None:
    for module in ("functions", "calculus", "__init__"):
        assert "value" not in dict(imports(module))


@pytest.mark.parametrize("package", ["autograd", "nn"])
def test_importing_it_imports_the_standard_library_only(package: str) -> None:
    script = (
        "import sys; before = set(sys.modules); "
        f"import {package}; print(*sorted({{name.split('.')[0] for name in set(sys.modules) - before}}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert package in loaded
    assert loaded - set(sys.stdlib_module_names) <= {"autograd", package}


LIBRARIES = {  # each imported in one module, when it is first needed
    "numpy": "arrays",
    "scipy": "sparse",
}


def test_the_core_names_no_library_in_an_import() -> None:
    for module in LAYERS:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            libraries = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
            assert all(LIBRARIES.get(library) == module for library in libraries), (module, names)


WITHIN = {  # a package: its modules' layers
    "drawing": words("""text palette graph reduction picture edges cards dot mermaid rendering svg page drawing
    playing __init__ command"""),
    "debugger": words("breakpoints session formulas views shell programs __init__ command output wire adapter dap"),
}
DRAWING = {path.stem: path for path in (PACKAGE / "drawing").glob("*.py")}
DEBUGGER = {path.stem: path for path in (PACKAGE / "debugger").glob("*.py")}


@pytest.mark.parametrize("package", WITHIN)
def test_imports_go_only_upward_within_a_package(package: str) -> None:
    layers = WITHIN[package]
    modules = {path.stem: path for path in (PACKAGE / package).glob("*.py")}
    assert sorted(layers) == sorted(modules)
    for name, path in modules.items():
        text = ast.parse(path.read_text(encoding="utf-8"))
        for_types = [node for node in text.body if isinstance(node, ast.If)]
        assert all(ast.unparse(block.test) == "TYPE_CHECKING" for block in for_types)
        not_run = {id(node) for block in for_types for node in ast.walk(block)}
        for node in ast.walk(text):
            if isinstance(node, ast.ImportFrom) and node.level == 1 and id(node) not in not_run:
                above = [node.module or ""] if node.module else [a.name for a in node.names if a.name in layers]
                above = above or ["__init__"]  # a name of the package itself
                assert all(layers.index(a) < layers.index(name) for a in above), (name, above)


def test_only_rendering_knows_graphviz() -> None:
    for name, path in DRAWING.items():
        found = re.findall(r"^\s*(?:import|from) (graphviz|subprocess)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert bool(found) == (name == "rendering"), name


@pytest.mark.parametrize("path", [*DRAWING.values(), *DEBUGGER.values()], ids=lambda path: path.stem)
def test_public_things_of_packages_have_docstrings(path: Path) -> None:
    text, name = ast.parse(path.read_text(encoding="utf-8")), path.stem
    assert ast.get_docstring(text)
    classes = [node for node in text.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for node in [*text.body, *[held for one in classes for held in one.body]]:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{name}.{node.name}"


TESTING = {path.stem: path.read_text(encoding="utf-8") for path in (PACKAGE / "testing").glob("*.py")}
ONE_HOME = {  # a library that only the testing kit needs, and the module of it that imports it
    "hypothesis": {"strategies", "registration"},  # and the function that hypothesis calls when it is loaded
    "pytest": {"plugin"},
    "torch": {"bridges"},
    "jax": {"bridges"},
}


def test_the_testing_kit_imports_each_library_in_one_module() -> None:
    homes: dict[str, set[str]] = {}
    for module, text in TESTING.items():
        for node in ast.walk(ast.parse(text)):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names):
                homes.setdefault(name, set()).add(module)
    assert homes == ONE_HOME


# ── The rule language ───────────────────────────────────────────────────────────────────────────────────────

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.UAdd)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
FORMULAS = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.IfExp, ast.Tuple, ast.List, ast.Starred, ast.Load, ast.Store)
CONSTANTS = {"inf", "nan", "pi", "e", "tau"}


def rule_functions(text: ast.Module) -> dict[str, ast.FunctionDef]:
    """The functions under ``@rule(ops.NAME)``, by that name."""
    found = {}
    for node in text.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "rule":
                    name = ast.unparse(decorator.args[0]).removeprefix("ops.")
                    assert name not in found, f"{name} has two rules"
                    found[name] = node
    return found


RULES = rule_functions(tree("rules"))


class RuleLanguage(ast.NodeVisitor):
    """Fails at what a rule may not say."""

    def __init__(self, function: ast.FunctionDef) -> None:
        self.function = function
        arguments = function.args
        self.known = {a.arg for a in arguments.args} | ({arguments.vararg.arg} if arguments.vararg else set())
        self.inside_comprehension = False

    def no(self, node: ast.AST) -> None:
        text = ast.unparse(node)
        raise AssertionError(f"the rule of {self.function.name}, line {getattr(node, 'lineno', '?')}: {text}")

    def check(self) -> None:
        arguments = self.function.args
        if arguments.kwarg or arguments.kwonlyargs or arguments.defaults or arguments.posonlyargs:
            self.no(self.function)
        body = self.function.body
        if ast.get_docstring(self.function):
            body = body[1:]
        for statement in body[:-1]:
            if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1):
                self.no(statement)
            assert isinstance(statement, ast.Assign)
            target = statement.targets[0]
            if not isinstance(target, ast.Name):
                self.no(statement)
            assert isinstance(target, ast.Name)
            self.visit(statement.value)
            self.known.add(target.id)
        last = body[-1]
        if not isinstance(last, ast.Return) or last.value is None:
            self.no(last)
        assert isinstance(last, ast.Return)
        assert last.value is not None
        self.visit(last.value)

    def generic_visit(self, node: ast.AST) -> None:
        if not isinstance(node, (*FORMULAS, *ARITHMETIC, *COMPARISONS)):
            self.no(node)
        super().generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if node.value is not None and type(node.value) not in (int, float):
            self.no(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id not in self.known:
            self.no(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if ast.unparse(node.value) != "math" or node.attr not in CONSTANTS:
            self.no(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.slice, ast.Name) and self.inside_comprehension:  # the i-th, i from enumerate
            self.visit(node.value)
            self.visit(node.slice)
            return
        if not isinstance(node.slice, ast.Slice) or node.slice.step is not None:
            self.no(node)
        self.visit(node.value)
        assert isinstance(node.slice, ast.Slice)
        for bound in (node.slice.lower, node.slice.upper):
            if bound is not None:
                self.visit(bound)

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        is_op = name.startswith("ops.") and isinstance(getattr(ops, name[4:], None), ops.Op)
        counts = name in ("len", "enumerate") and len(node.args) == 1 and isinstance(node.args[0], ast.Name)
        if node.keywords or not (is_op or counts):
            self.no(node)
        for argument in node.args:
            self.visit(argument)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        generator = node.generators[0]
        if self.inside_comprehension or len(node.generators) > 1 or generator.ifs or generator.is_async:
            self.no(node)
        self.visit(generator.iter)
        before = set(self.known)
        self.known |= {name.id for name in ast.walk(generator.target) if isinstance(name, ast.Name)}
        self.inside_comprehension = True
        self.visit(node.elt)
        self.inside_comprehension, self.known = False, before


@pytest.mark.parametrize("name", RULES)
def test_a_rule_speaks_the_small_language(name: str) -> None:
    RuleLanguage(RULES[name]).check()


OUTSIDE_THE_LANGUAGE = {
    "an if statement": "if a > 0:\n  return (g,)\n return (-g,)",
    "a loop": "for x in (a,):\n  g = g * x\n return (g,)",
    "try": "try:\n  return (g / a,)\n except ZeroDivisionError:\n  return (g,)",
    "a closure": "f = lambda x: x * a\n return (f(g),)",
    "a free variable": "return (g * scale,)",
    "a math function": "return (g * math.cos(a),)",
    "a method": "return (g * a.cos(),)",
    "data": "return (g * a.data,)",
    "a builtin": "return (g * abs(a),)",
    "an unknown op": "return (g * ops.nothing(a),)",
    "a set of two": "p = q = g\n return (p,)",
    "unpacking": "p, q = g, y\n return (p,)",
    "augmented": "g *= a\n return (g,)",
    "a walrus": "return ((b := g),)",
    "and": "return (g if a > 0 and y > 0 else -g,)",
    "a str": "return ('g',)",
    "an index": "return (a[0],)",
    "no return": "g = g * a",
    "a filter": "return [x for x in a if x > 0]",
    "nested": "return [[x for x in a] for x in a]",
    "is": "return (g if a is y else -g,)",
    "keyword": "return (ops.exp(a=a),)",
    "import": "import math\n return (g,)",
    "print": "print(g)\n return (g,)",
}


@pytest.mark.parametrize("body", OUTSIDE_THE_LANGUAGE.values(), ids=OUTSIDE_THE_LANGUAGE)
def test_the_checker_finds_what_is_outside_the_language(body: str) -> None:
    (function,) = ast.parse(f"def rule_of(g, y, a):\n {body}\n").body
    assert isinstance(function, ast.FunctionDef)
    with pytest.raises(AssertionError, match="the rule of rule_of"):
        RuleLanguage(function).check()


# ── Ops and rules belong together ───────────────────────────────────────────────────────────────────────────

OPS = {name: op for name, op in vars(ops).items() if isinstance(op, ops.Op)}


def test_every_op_has_one_rule_and_every_rule_an_op() -> None:
    assert set(RULES) == set(OPS)
    for name, op in OPS.items():
        assert op.name == name == RULES[name].name
        assert op.rule is getattr(rules, name)
        assert op.float_rule is not None
        assert op.float_rule.__code__ is op.rule.__code__, "one text for floats and Values"
        assert getattr(ops.floats, name) is op.function
    assert len({op.name for op in OPS.values()}) == len(OPS)
    assert len({id(op) for op in OPS.values()}) == len(OPS)
    assert {name for name in vars(ops.floats) if not name.startswith("__")} == set(OPS)


def test_rules_take_what_their_ops_take() -> None:
    for name, op in OPS.items():
        arguments = RULES[name].args
        names = [a.arg for a in arguments.args]
        assert names[:2] == ["g", "y"], name
        if op.arity is None:
            assert arguments.vararg is not None, name
            assert arguments.vararg.arg == "inputs", name
        else:
            assert len(names) == 2 + op.arity, name
            assert arguments.vararg is None, name


def test_the_rows_of_the_table_are_literal() -> None:
    """One `name = _op("name", …)` an op, so that a reader finds each by its name."""
    rows = [
        (statement.targets[0].id, statement.value.args[0].value)
        for statement in tree("ops").body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Call)
        and ast.unparse(statement.value.func) == "_op"
        and isinstance(statement.targets[0], ast.Name)
        and isinstance(statement.value.args[0], ast.Constant)
    ]
    assert [a for a, _ in rows] == [b for _, b in rows]
    assert sorted(a for a, _ in rows) == sorted(OPS)


# ── Names ───────────────────────────────────────────────────────────────────────────────────────────────────

MATH = words("""
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh degrees erf exp exp2 expm1 floor fmod fsum
    gamma hypot lgamma log log10 log1p log2 prod radians sin sinh sqrt sumprod tan tanh trunc erfc
""")
TORCH = words("""
    clamp digamma elu gelu leaky_relu log_softmax logaddexp logsumexp maximum mean minimum polygamma relu sigmoid
sign silu softmax softplus softsign where xlogy""")
OWN = words("dot norm pick take")
ENGINE = words("""AnomalyError AutogradError Op StaleGraphError Value __version__ backend debug detect_anomaly draw
draw_dot errors grad gradients ieee no_grad player
Program record rule steps topological_order trace value_and_grad why""")
ON_FUNCTIONS = words("""hessian hvp jacobian jvp vjp custom_vjp implicit_fixed_point implicit_root linalg
sparse_hessian sparse_jacobian sparsity array data grads optimize correlated uncertain uncertainty""")
COMPILE = "compile"  # shadows a builtin as well, and is no function of numbers
SHADOWING = words("abs max min pow round sum")

PUBLIC: dict[str, list[str]] = {  # what a module defines for others
    "program": [],  # its modules make its names
    "errors": words("""AutogradError DomainError PoleError RangeError InputTypeError InputError IndexRangeError
        SingularMatrixError MissingLibraryError RuleError InteriorError CopyError StaleGraphError RecordError GuardError
        ExportError CompilerError RecordWarning AnomalyError
        GradientError IndependenceWarning DrawingError describe told warn
        forward_error"""),
    "modes": words("""IEEE NO_GRAD TRACE ANOMALY INFINITE DEBUG RECORD OURS active files listeners word mode recording
        recorder observed ieee no_grad trace
        detect_anomaly taken_over debugger path here call"""),
    "source": words("Source resolved placed Place"),
    "stepping": words("SHOWN Change Step Steps Names called gradient_of reached steps"),
    "user_lines": words("Stop Turn backward"),
    "explanation": words("HUGE TINY Cause Explanation explained why forward_anomaly backward"),
    "engine": words("Backend backend compiled parameter twin"),
    "functions": [*MATH, *TORCH, *OWN, *SHADOWING],
    "bulk": words("add_gradients linear neurons zero_grad"),
    "arrays": words("array data grads imported is_array shaped numbers_of"),
    "structure": words("Block Structure flatten product without_graph"),
    "passes": words("backwards forwards forwards_is_cheaper local_derivatives push"),
    "calls": words("Call called check_function transformed"),
    "calculus": words("grad gradients hessian hvp jacobian jvp value_and_grad vjp"),
    "joint": words("joint"),
    "custom": words("custom_vjp"),
    "linalg": words("cholesky det inv lu solve"),
    "implicit": words("implicit_fixed_point implicit_root"),
    "pattern": words("Pattern dependence"),
    "colouring": words("distinct star"),
    "optimize": words("Constraint Problem constraint problem"),
    "propagation": words("Share Uncertainty correlated uncertain uncertainty"),
    "sparse": words("sparse_hessian sparse_jacobian sparsity"),
}


def defined(module: str) -> list[str]:
    """The public names that a module makes itself: functions, classes, assigned names."""
    names = []
    for node in tree(module).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return [name for name in names if not name.startswith("_")]


def test_exported_names() -> None:
    assert sorted(autograd.__all__) == sorted([*MATH, *TORCH, *OWN, *ENGINE, *ON_FUNCTIONS])
    assert len(set(autograd.__all__)) == len(autograd.__all__)
    for name in [*autograd.__all__, *SHADOWING]:
        assert hasattr(autograd, name)
    namespace: dict[str, Any] = {}
    exec("from autograd import *", namespace)
    assert set(autograd.__all__) <= set(namespace)


def test_no_exported_name_shadows_a_builtin() -> None:
    assert [name for name in autograd.__all__ if hasattr(builtins, name) and not name.startswith("__")] == []
    assert all(hasattr(builtins, name) for name in SHADOWING)
    assert autograd.sum is autograd.functions.sum
    assert hasattr(builtins, COMPILE)
    assert autograd.compile is not compile
    assert COMPILE not in autograd.__all__


@pytest.mark.parametrize("module", PUBLIC)
def test_what_a_module_offers(module: str) -> None:
    type_names = {"N", "Real", "Function", "Rule", "Rows", "Locals", "Pull"}  # of annotations
    assert sorted(set(defined(module)) - type_names) == sorted(PUBLIC[module])


def test_the_list_of_functions_is_complete() -> None:
    assert set(autograd.functions.__all__) == set(PUBLIC["functions"]) - set(SHADOWING)


def test_names_mean_what_math_means_by_them() -> None:
    for name in MATH:
        assert name in dir(math) or name in ("cbrt", "exp2", "sumprod", "prod"), name


@pytest.mark.parametrize("module", [m for m in LAYERS if m not in ("_version", "rules", "special")])
def test_public_things_have_docstrings(module: str) -> None:
    text = tree(module)
    assert ast.get_docstring(text), f"{module} has no docstring"
    things = [node for node in text.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    for thing in list(things):
        if isinstance(thing, ast.ClassDef) and not thing.name.startswith("_"):
            things += [node for node in thing.body if isinstance(node, ast.FunctionDef)]
    for thing in things:
        told_elsewhere = any(ast.unparse(d) == "overload" or d_is_setter(d) for d in thing.decorator_list)
        if not thing.name.startswith("_") and not told_elsewhere:
            assert ast.get_docstring(thing), f"{module}.{thing.name} has no docstring"


def d_is_setter(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Attribute) and decorator.attr == "setter"


@pytest.mark.parametrize("name", [*MATH, *TORCH, *OWN, *SHADOWING])
def test_functions_tell_by_example(name: str) -> None:
    text = inspect.getdoc(getattr(autograd, name)) or ""
    assert f">>> {name}(" in text or ">>> x = Value" in text, f"{name} has no example"
    assert inspect.signature(getattr(autograd, name)).parameters


def test_modules_import_on_their_own() -> None:
    for module in LAYERS:
        importlib.import_module(f"autograd.{module}" if module != "__init__" else "autograd")


# ── What else has to agree ──────────────────────────────────────────────────────────────────────────────────


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d+\.\d+\.\d+", autograd.__version__)
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"]["attr"] == "autograd._version.__version__"
    newest = re.search(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest
    assert newest[1] == autograd.__version__
    lowest = project["project"]["requires-python"].removeprefix(">=")
    assert f"Python {lowest} or later" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"Programming Language :: Python :: {lowest}" in project["project"]["classifiers"]
    assert project["tool"]["ruff"]["target-version"] == "py" + lowest.replace(".", "")
    assert project["project"]["dependencies"] == []


TOOLS = {
    "types": ["mypy"],
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
}


@pytest.mark.parametrize("command", TOOLS.values(), ids=TOOLS)
def test_the_tools_have_nothing_to_say(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_is_strict() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["mypy"]["strict"] is True
    assert set(project["tool"]["mypy"]["packages"]) >= {"autograd", "nn"}
    assert project["tool"]["pytest"]["ini_options"]["filterwarnings"] == ["error"]


def test_rules_of_one_or_two_inputs_always_send_numbers() -> None:
    """The pass adds what they return without asking; None is for choices among more, or among any number."""
    tree = ast.parse((ROOT / "autograd" / "rules.py").read_text(encoding="utf-8"))
    rules_ = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.decorator_list and f.args.vararg is None]
    few = [f for f in rules_ if len(f.args.args) <= 4]
    assert len(few) > 50
    for f in few:
        assert not any(isinstance(n, ast.Constant) and n.value is None for n in ast.walk(f)), f"{f.name} sends None"


# ── nn: thin, and each file speaks for itself ───────────────────────────────────────────────────────────────

NN = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "nn").glob("*.py")}


def code_lines(text: str) -> int:
    """How many lines hold code: not blank ones, comments, or docstrings."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            docstrings.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    nothing = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type not in nothing]
    return len({line for t in tokens for line in range(t.start[0], t.end[0] + 1)} - docstrings)


def private_names(text: str) -> tuple[set[str], set[str]]:
    """The names with one underscore in front that a file makes, and those that it uses."""
    made, used = set(), set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.arg)):
            made.add(node.arg if isinstance(node, ast.arg) else node.name)
        elif isinstance(node, ast.Name):
            (made if isinstance(node.ctx, ast.Store) else used).add(node.id)
        elif isinstance(node, ast.Attribute):
            used.add(node.attr)
            if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
                made.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            used.update(alias.name for alias in node.names)
    return tuple({name for name in names if re.match("_[^_]", name)} for names in (made, used))  # type: ignore[return-value]


def test_code_lines_are_counted() -> None:
    text = (
        '"""Doc\nstring."""\n\nimport math  # comment\n\n# comment\n'
        'def f(\n    x\n):\n    """Doc."""\n    return """a\nb"""\n'
    )
    assert code_lines(text) == 6


def test_nn_is_thin() -> None:
    assert len(NN) >= 8
    assert sum(map(code_lines, NN.values())) <= 1000, {name: code_lines(text) for name, text in NN.items()}


def test_private_names_are_found() -> None:
    text = "from .a import _b\ndef _c(x):\n    self._d = x._e\n    return _c(_f)\n"
    assert private_names(text) == ({"_c", "_d"}, {"_b", "_c", "_d", "_e", "_f"})


@pytest.mark.parametrize("name", NN)
def test_no_file_of_nn_uses_another_files_private_names(name: str) -> None:
    made, used = private_names(NN[name])
    assert used - made == set()


def test_what_nn_offers() -> None:
    assert sorted(nn.__all__) == sorted(set(nn.__all__))
    for name in nn.__all__:
        assert inspect.getdoc(getattr(nn, name)), name
    exported = set(nn.__all__) | {"annotations"}
    for module in ("losses", "layers", "optim", "checkpoint", "training"):
        for node in ast.parse(NN[module]).body:
            public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            if public and node.name not in SHARED:  # type: ignore[attr-defined]
                assert node.name in exported, f"nn.{module}.{node.name}"  # type: ignore[attr-defined]


SHARED = words("class_label paired checked_path Setting Saved sgd rmsprop adagrad adam")  # among nn's own files
