"""Names that exist for one process only, for as long as a test says so: what DNS does to a server's name.

Rule: stands in for the system's resolver and for nothing else; a name it does not know goes to the real one, but
for those of `.test`, which exist nowhere (RFC 6761 §6.2), whoever is asked.
"""

from pathlib import Path

LOOPBACK = "127.0.0.1"

# Python imports a module of this name when it starts; gevent's resolver and the standard library both end in _socket.
_RESOLVER = f"""
import _socket
import pathlib

look_up = _socket.getaddrinfo
known = pathlib.Path(__file__).with_name("names")


def getaddrinfo(host, *more, **options):
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in known.read_text().split():
        return look_up({LOOPBACK!r}, *more, **options)
    if name.endswith(".test"):
        raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")
    return look_up(host, *more, **options)


_socket.getaddrinfo = getaddrinfo
"""


class Names:
    """`variables` are what a process has to be started with to know them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_RESOLVER)
        self._known = folder / "names"
        self._known.write_text("")
        self.variables = {"PYTHONPATH": str(folder)}

    def add(self, name: str) -> None:
        self._write({*self._read(), name})

    def forget(self, name: str) -> None:
        self._write(self._read() - {name})

    def _read(self) -> set[str]:
        return set(self._known.read_text().split())

    def _write(self, names: set[str]) -> None:
        draft = self._known.with_suffix(".new")
        draft.write_text("\n".join(sorted(names)))
        draft.replace(self._known)
