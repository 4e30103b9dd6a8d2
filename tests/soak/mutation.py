"""Small faults put into source code, one at a time: what mutation testing asks the tests to notice. Pure; it runs nothing.

Own code, because the well-kept tools leave out what this library is made of: mutmut changes no table, no property and removes no
statement, cosmic-ray neither removes one, and changes annotations that nothing evaluates.

Not changed: annotations, decorators, keywords of classes, assertions and string constants (type checkers hold the former; words
for people would be pinned by the latter), calls of `log`, and a module's figures that have a name, which tests use as well.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, cast

LONGEST: Final = 110  # of a line that is shown whole


COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_BOUNDARIES: Final = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)  # the others' opposite is already what they become

COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip

_SKIPPED: Final = {
    (ast.arg, "annotation"), (ast.FunctionDef, "returns"), (ast.AsyncFunctionDef, "returns"), (ast.AnnAssign, "annotation"),
    (ast.FunctionDef, "decorator_list"), (ast.AsyncFunctionDef, "decorator_list"), (ast.ClassDef, "decorator_list"),
    (ast.ClassDef, "keywords"), (ast.ClassDef, "bases"),
}  # fmt: skip


@dataclass
class _Change:
    """Other values of some fields of `holder`, within `statement`. `shown` is what is read as what, where that is not the line."""

    holder: ast.AST
    fields: dict[str, object]
    where: str
    statement: ast.AST
    shown: tuple[ast.AST, ast.AST | None] | None = None

    def swap(self) -> None:
        """Makes the change; the second time, takes it back."""
        for name, value in self.fields.items():
            self.fields[name] = getattr(self.holder, name)
            setattr(self.holder, name, value)


def faults(source: str) -> list[str]:
    """Every fault that is known for this module, as ``place: line -> line``: so it is known as long as that line stays."""
    return [key for key, _ in _named(ast.parse(source))]


def with_fault(source: str, key: str) -> str:
    """The module with that fault. Raises `KeyError` if there is none of that name."""
    tree = ast.parse(source)
    for known, change in _named(tree):
        if known == key:
            change.swap()
            return ast.unparse(tree)
    raise KeyError(key)


def _named(tree: ast.Module) -> Iterator[tuple[str, _Change]]:
    seen: Counter[str] = Counter()
    for change in _changes(tree, "", tree):
        if change.shown is None:
            before = _line(change)
            change.swap()
            after = _line(change)
            change.swap()
        else:
            was, now = change.shown
            before, after = _head(was), "nothing" if now is None else _head(now)
        line = f"{before} -> {after}"
        name = f"{change.where}: {line}"
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{change.where} #{seen[name]}: {line}"), change


def _changes(node: ast.AST, where: str, statement: ast.AST) -> Iterator[_Change]:
    """What may change at and below a node, which is in `where` and within `statement`."""
    left_alone = (ast.Assert, ast.Import, ast.ImportFrom)
    if isinstance(node, left_alone) or _is_log(node) or _is_alias(node) or (not where and _is_figure(node)):
        return
    if isinstance(node, ast.stmt):
        statement = node
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        where = f"{where}.{node.name}".lstrip(".")
    elif isinstance(node, (ast.Assign, ast.AnnAssign)) and not where:
        where = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
    if isinstance(node, ast.AugAssign) and type(node.op) in COMPUTED:
        yield _Change(node, {"op": COMPUTED[type(node.op)]()}, where, statement)
    for row, fields in _dropped(node):
        yield _Change(node, fields, where, statement, (row, None))
    for field, value in ast.iter_fields(node):
        if (type(node), field) in _SKIPPED:
            continue
        children = cast("list[object]", value) if isinstance(value, list) else [value]
        for place, child in enumerate(children):
            if isinstance(child, ast.expr):
                others: Iterator[ast.AST] = _instead(child, condition=field in ("test", "ifs"))
            elif isinstance(child, ast.stmt) and not isinstance(node, (ast.Module, ast.ClassDef)):
                others = _rather(child)
            else:
                others = iter(())
            for other in others:
                new: object = _with(children, place, other) if isinstance(value, list) else other
                if isinstance(child, ast.stmt):
                    yield _Change(node, {field: new}, where, child, (child, other))
                else:
                    yield _Change(node, {field: new}, where, statement)
            if isinstance(child, ast.AST):
                yield from _changes(child, where, statement)


def _with(nodes: Sequence[object], place: int, *others: ast.AST) -> list[object]:
    return [*nodes[:place], *others, *nodes[place + 1 :]]


def _instead(node: ast.expr, *, condition: bool) -> Iterator[ast.expr]:
    """Other expressions in its place; `condition`: it is one."""
    covered = (
        isinstance(node, ast.Compare) and len(node.ops) == 1 and not isinstance(node.ops[0], _BOUNDARIES)
    )
    if condition and not covered and not _negated(node):
        yield ast.UnaryOp(ast.Not(), node)
    match node:
        case ast.Compare(left, ops, comparators):
            for place, op in enumerate(ops):
                yield ast.Compare(left, [*ops[:place], COMPARED[type(op)](), *ops[place + 1 :]], comparators)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in COMPUTED:
            yield ast.BinOp(left, COMPUTED[type(op)](), right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case _:
            pass


def _rather(node: ast.stmt) -> Iterator[ast.stmt]:
    """Other statements in its place."""
    match node:
        case ast.Expr(ast.Constant()):
            pass
        case ast.Return(None) | ast.Raise() | ast.Delete() | ast.AugAssign():
            yield ast.Pass()
        case ast.Expr() if not _is_log(node):
            yield ast.Pass()
        case ast.Assign(targets) if any(_outlives(target) for target in targets):
            yield ast.Pass()
        case ast.AnnAssign(target, value=ast.expr()) if _outlives(target):
            yield ast.Pass()
        case ast.Return(ast.expr() as value) if not (
            isinstance(value, ast.Constant) and value.value in (None, False)
        ):
            yield ast.Return(None)
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case _:
            pass


def _dropped(node: ast.AST) -> Iterator[tuple[ast.AST, dict[str, object]]]:
    """A table without one of its rows, a `match` without one of its cases: the row, and the fields without it."""
    fields: dict[str, object]
    match node:
        case ast.Set(elts) if len(elts) > 1:
            for place, row in enumerate(elts):
                yield row, {"elts": _with(elts, place)}
        case ast.Dict(keys, values) if len(keys) > 1:
            for place, (key, value) in enumerate(zip(keys, values, strict=True)):
                fields = {"keys": _with(keys, place), "values": _with(values, place)}
                yield key or value, fields
        case ast.Match(_, cases) if len(cases) > 1:
            for place, case in enumerate(cases):
                yield case.pattern, {"cases": _with(cases, place)}
        case _:
            pass


def _outlives(target: ast.expr) -> bool:
    """Whether what is assigned here is more than a local name, without which nothing would run."""
    if isinstance(target, ast.Tuple):
        return all(_outlives(each) for each in target.elts)
    return isinstance(target, (ast.Attribute, ast.Subscript))


def _negated(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _is_log(node: ast.AST) -> bool:
    match node:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name("log")))):
            return True
        case _:
            return False


def _is_figure(node: ast.AST) -> bool:
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
        return False
    return all(isinstance(part, (ast.Constant, ast.BinOp, ast.operator)) for part in ast.walk(node.value))


def _is_alias(node: ast.AST) -> bool:
    match node:
        case ast.AnnAssign(annotation=ast.Name("TypeAlias")):
            return True
        case _:
            return False


def _head(node: ast.AST) -> str:
    """Its first line."""
    if isinstance(node, (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith)):
        node = copy.copy(node)
        node.body = [ast.Pass()]  # which is not shown, and may be long
    if isinstance(node, (ast.If, ast.For, ast.AsyncFor, ast.While)):
        node.orelse = []
    return ast.unparse(node).split("\n", 1)[0]


def _line(change: _Change) -> str:
    """The line, or of a very long one the part that changes."""
    line = _head(change.statement)
    inner = isinstance(change.holder, (ast.expr, ast.keyword))
    return _head(change.holder) if inner and len(line) > LONGEST else line
