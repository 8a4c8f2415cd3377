"""Vendored assets: what pages need from npm, fetched once and committed.

Rule: every file under webapp/static/vendor is listed in its `lock` with the package it came from and its sha512 sum;
a tarball whose own sum differs from the locked one is refused. Browsers only ever load the committed copies.

    python -m tools.vendor_assets          fetch again and rewrite the lock
    python -m tools.vendor_assets --check  compare the committed files with the lock; needs no network
"""

import base64
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "webapp" / "static" / "vendor"
LOCK = "lock"
SPRITE = "icons.svg"
SVG = "http://www.w3.org/2000/svg"

# Package → the file each vendored name is taken from.
FILES = {
    "htmx.org@4.0.1": {
        "htmx.js": "dist/htmx.min.js",
        "hx-csp.js": "dist/ext/hx-csp.min.js",
        "htmx.LICENSE": "LICENSE",
    },
    "@tabler/core@1.6.1": {"tabler.css": "dist/css/tabler.min.css"},  # its licence stands in its first comment
    "@tabler/icons@3.51.0": {"icons.LICENSE": "LICENSE"},
}

# The icons that the templates use: one outline drawing each, and nothing more, goes into the sprite.
ICONS_PACKAGE = "@tabler/icons@3.51.0"
ICONS = (
    "alert-triangle arrow-left building check chevron-down circle-check clock copy "
    "dots info-circle key layout-grid lock logout plus search server settings sun trash user"
).split()

# Map references would make the browser ask for files that are not here.
_SOURCE_MAP = (b"//# sourceMappingURL=", b"/*# sourceMappingURL=")


class Refused(Exception):
    """A tarball is not the one that the lock names, or lacks a file."""


def fetch(package: str, folder: Path) -> tuple[tarfile.TarFile, str]:
    """The package's tarball and its sha512 sum, as npm writes it."""
    done = subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True)
    data = (folder / done.stdout.split()[-1]).read_bytes()
    return tarfile.open(fileobj=io.BytesIO(data)), sum_of(data)


def sum_of(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def read_member(tarball: tarfile.TarFile, name: str) -> bytes:
    path = f"package/{name}"
    member = tarball.extractfile(path) if path in tarball.getnames() else None
    if member is None:
        raise Refused(f"{name} is not in the package.")
    return b"\n".join(line for line in member.read().split(b"\n") if not line.startswith(_SOURCE_MAP))


def render_sprite(tarball: tarfile.TarFile) -> bytes:
    """One SVG with a symbol for each icon, named as its file is."""
    ElementTree.register_namespace("", SVG)
    sprite = ElementTree.Element(f"{{{SVG}}}svg")
    for name in ICONS:
        drawing = ElementTree.fromstring(read_member(tarball, f"icons/outline/{name}.svg"))  # noqa: S314 — pinned by its sum
        symbol = ElementTree.SubElement(sprite, f"{{{SVG}}}symbol", {"id": name, "viewBox": "0 0 24 24"})
        symbol.extend(part for part in drawing if part.get("d") != "M0 0h24v24H0z")
    return ElementTree.tostring(sprite) + b"\n"


def read_lock(folder: Path = VENDOR) -> dict[str, tuple[str, str]]:
    """Locked name → (package, sum). Tarballs are listed under their package's name."""
    lines = [line.split() for line in (folder / LOCK).read_text().splitlines() if not line.startswith("#")]
    return {name: (package, locked) for name, package, locked in lines}


def differences(folder: Path = VENDOR) -> list[str]:
    """A sentence for each file that is missing, changed or not in the lock."""
    locked = {name: entry for name, entry in read_lock(folder).items() if name != entry[0]}
    present = {path.name for path in folder.iterdir()} - {LOCK}
    found = [f"{name} is not in the lock." for name in sorted(present - locked.keys())]
    for name, (_, expected) in sorted(locked.items()):
        if name not in present:
            found.append(f"{name} is in the lock but not here.")
        elif sum_of((folder / name).read_bytes()) != expected:
            found.append(f"{name} is not the file that the lock names.")
    return found


def vendor(folder: Path = VENDOR) -> None:
    """Fetch every package, write its files, and write the lock."""
    known = read_lock(folder) if (folder / LOCK).exists() else {}
    lines = ["# name package sha512; written by tools/vendor_assets.py"]
    with tempfile.TemporaryDirectory() as scratch:
        for package, files in FILES.items():
            tarball, found = fetch(package, Path(scratch))
            if package in known and known[package][1] != found:
                raise Refused(f"{package} is not the tarball that the lock names.")
            lines.append(f"{package} {package} {found}")
            contents = {name: read_member(tarball, source) for name, source in files.items()}
            if package == ICONS_PACKAGE:
                contents[SPRITE] = render_sprite(tarball)
            for name, data in contents.items():
                (folder / name).write_bytes(data)
                lines.append(f"{name} {package} {sum_of(data)}")
    (folder / LOCK).write_text("\n".join(lines) + "\n")


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        found = differences()
        sys.stderr.writelines(f"{sentence}\n" for sentence in found)
        return 1 if found else 0
    vendor()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
