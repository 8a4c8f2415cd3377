"""Every error of the domain has its place in the table of every edge, and the tables hold nothing else."""

import ast

from tests.house.source import PRODUCT, python, tree
from webapp.portal.errors import PAGES

# What each edge shows, by the error's code.
TABLES = {"portal": PAGES}


def code_of(node: ast.ClassDef) -> str | None:
    for line in node.body:
        match line:
            case (
                ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code)))
                | ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code)))
            ):
                return code
    return None


def codes() -> set[str]:
    """The codes of DomainError and of all that descend from it, wherever they are defined; many keep a parent's."""
    classes = [node for path in python(*PRODUCT) for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
    family = {"DomainError"}
    while True:
        heirs = {node.name for node in classes if any(isinstance(b, ast.Name) and b.id in family for b in node.bases)}
        if heirs <= family:
            break
        family |= heirs
    return {code for node in classes if node.name in family and (code := code_of(node))}


def test_every_edge_has_an_answer_to_every_error_and_to_nothing_else() -> None:
    assert {edge: table.keys() ^ codes() for edge, table in TABLES.items()} == {"portal": set()}
