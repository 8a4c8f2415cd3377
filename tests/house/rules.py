"""The house rules that can be seen in one file: each takes its text or tree and names what breaks the rule."""

import ast
import re
from collections.abc import Iterator

LONGEST_FUNCTION = 60
LONGEST_TITLE = 72

BANNED = {"util", "utils", "helper", "helpers", "manager", "handler", "handlers", "misc", "data", "info", "processor"}

# The field's own word for the key that seals the data of a workspace.
WELCOME = {"DataKey"}

SILENCER = re.compile(r"#\s*(?:noqa:|type:\s*ignore|pyright:\s*ignore)[\w\s:,\[\]-]*?(?P<reason>\s[—#–-].{5,})?$")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def long_functions(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Functions over the limit, with their lines from `def` to the end."""
    for node in ast.walk(module):
        if isinstance(node, Function) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield node.name, lines


def inner_imports(module: ast.Module) -> Iterator[int]:
    """Lines with an import inside a function."""
    for function in ast.walk(module):
        if isinstance(function, Function):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node.lineno


def banned_words(path: str, module: ast.Module | None) -> Iterator[str]:
    """Banned words in the name of the file and of the classes in it."""
    for part in path.split("/"):
        if BANNED & set(re.split(r"[_.-]", part.lower())):
            yield part
    for node in ast.walk(module) if module else ():
        if isinstance(node, ast.ClassDef) and node.name not in WELCOME:
            words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", node.name)
            if BANNED & {word.lower() for word in words}:
                yield node.name


def calls_of(module: ast.Module, name: str) -> Iterator[int]:
    """Lines that call a method of that name."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            yield node.lineno


def reads_environment(module: ast.Module) -> Iterator[int]:
    """Lines that reach for the process environment."""
    doors = {"environ", "environb", "getenv"}
    for node in ast.walk(module):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in doors:
                yield node.lineno
            case ast.ImportFrom(module="os", names=names) if doors & {alias.name for alias in names}:
                yield node.lineno


def reads_clock(module: ast.Module) -> Iterator[int]:
    """Lines that ask the time of day from anywhere but the product's clock."""
    clocks = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if (owner, node.attr) in clocks:
                yield node.lineno


def title_fault(module: ast.Module) -> str | None:
    """What is wrong with the first line of a module's docstring; a module without code needs none."""
    title = ast.get_docstring(module)
    if title is None:
        return "has no docstring" if module.body else None
    first = title.splitlines()[0]
    return f"begins with a line of {len(first)} characters" if len(first) > LONGEST_TITLE else None


def unexplained(text: str) -> Iterator[int]:
    """Lines that silence a check, or catch everything and go on, without a comment that says why."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        silenced = SILENCER.search(line)
        if silenced and not silenced["reason"]:
            yield number
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node) and not _raises_again(node):
            around = " ".join(lines[max(0, node.lineno - 2) : node.lineno + 1])
            if "#" not in around:
                yield node.lineno


def _catches_all(node: ast.ExceptHandler) -> bool:
    return node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))


def _raises_again(node: ast.ExceptHandler) -> bool:
    return isinstance(node.body[-1], ast.Raise)
