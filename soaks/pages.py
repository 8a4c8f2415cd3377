"""docs/soaks.md, made from what was kept in docs/soaks/.

Rule: the page says nothing that is not in the files; a test holds the two together.
"""

import json
from pathlib import Path
from typing import Any

from local import ROOT

PAGE = ROOT / "docs" / "soaks.md"
KEPT = ROOT / "docs" / "soaks"

OPENING = """\
# Soaks

What came out of `python3 dev.py soak NAME --keep`, which makes this page from the files in [soaks/](soaks/). A soak
asserts: a promise that was broken stands under its title.
"""


def keep(kept: dict[str, Any]) -> None:
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{kept['soak']}.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    PAGE.write_text(render_page(read_all(KEPT)))


def read_all(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def render_page(all_kept: list[dict[str, Any]]) -> str:
    return "\n".join([OPENING, *map(render_section, all_kept)])


def render_section(kept: dict[str, Any]) -> str:
    # As they are typed: a seed with commas in it is not a seed.
    options = ", ".join(f"{_words(name)} {value}" for name, value in kept["options"].items())
    circumstances = (
        f"{kept['at']}, commit {kept['commit']}, Python {kept['python']}, {kept['system']}, {kept['cores']} cores; "
        f"{options}."
    )
    broken = [f"- **Broken**: {sentence}" for sentence in kept["broken"]] or ["Every promise was kept."]
    return "\n".join([f"## {kept['soak']}", "", circumstances, "", *broken, *_tables(kept["figures"]), ""])


def _tables(figures: dict[str, Any]) -> list[str]:
    """One table of what is a plain figure, then one for each group of figures."""
    plain = {name: value for name, value in figures.items() if not _is_group(value)}
    lines = _table(("what", "figure"), [(_words(name), _value(value)) for name, value in plain.items()])
    for name, value in figures.items():
        if isinstance(value, dict) and _is_group(value):
            rows = [(_words(key), _value(each)) for key, each in value.items()]
            lines += ["", f"### {_words(name)}", *_table(("what", "figure"), rows)]
        elif _is_group(value):
            heads = tuple(map(_words, value[0]))
            lines += ["", f"### {_words(name)}", *_table(heads, [tuple(map(_value, each.values())) for each in value])]
    return lines


def _is_group(value: object) -> bool:
    """Many figures, or rows of them."""
    match value:
        case dict():
            return bool(value)
        case [dict(), *_]:
            return True
        case _:
            return False


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    return ["", *(f"| {' | '.join(cells)} |" for cells in (heads, ("---",) * len(heads), *rows))]


def _value(value: object) -> str:
    match value:
        case bool() | None:
            return str(value)
        case int() | float():
            return f"{value:,}"
        case dict():
            return " ".join(f"{_words(name)} {_value(each)}" for name, each in value.items())
        case list() | tuple():
            return ", ".join(map(_value, value))
        case _:
            return str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")
