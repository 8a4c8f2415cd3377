"""What is soaked, running: Valkey, a gateway, and a workspace.

Rule: as it is deployed, in a new folder that is gone afterwards. Only the window is so short that the rate limit
refuses nobody, by the setting that exists for benches and tests.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.usage import family_of
from common.settings import Environment, SharedSettings, shared_fields
from local import programs
from local.console import Refused
from local.family import Family
from local.folder import Folder
from local.ports import free_port
from local.programs import Ports
from local.readiness import wait_for, wait_until_ready
from soaks import Wrong
from soaks.place import Place
from webapp.resources import Resources, open_resources
from webapp.services import accounts, users, workspaces

UNBOUNDED = {"STOA_RATE_WINDOW": "0.000001", "STOA_MAX_CONCURRENT_CALLS": "1000"}


@contextmanager
def running(processes: int) -> Iterator[tuple[Place, Path]]:
    """A workspace behind a gateway, and a folder for what the soak writes. Raises Wrong when it does not come up."""
    with tempfile.TemporaryDirectory(prefix="stoa-soak-", dir="/tmp") as place:
        folder = Folder(Path(place) / "data")
        family = Family(folder)
        try:
            soaked = _bring_up(family, folder, processes)
            with closing(soaked.resources):
                yield soaked, folder.path
        except Refused as refused:
            raise Wrong(str(refused)) from None
        finally:
            family.end()
            folder.leave()


def _bring_up(family: Family, folder: Folder, processes: int) -> Place:
    ports = Ports(portal=free_port(), gateway=free_port())
    environment = programs.settings(
        {**programs.without_ours(os.environ), **UNBOUNDED},
        keys=folder.keys(),
        database_url=folder.database_url,
        redis_url=f"unix://{folder.socket()}",
        ports=ports,
    )
    family.start(programs.valkey(folder.socket(), environment))
    wait_for("Valkey", family, folder.socket().is_socket)
    family.run("migrate", programs.MIGRATE, environment)
    family.start(programs.gateway(environment, ports.gateway, processes))
    resources = open_resources(SharedSettings(**shared_fields(Environment(environment))))
    wait_until_ready("The gateway", family, ports.gateway)
    return _furnish(
        resources,
        ports.gateway,
        lambda: family_of(family.pid("gateway")),
        folder.log("gateway").read_text,
    )


def _furnish(resources: Resources, port: int, pids: Callable[[], list[int]], log: Callable[[], str]) -> Place:
    with resources.transaction(write=True) as ctx:
        owner = users.sign_up(ctx, email="soak@stoa.example", name="Soak", password=os.urandom(16).hex())
        account = accounts.list_administered(ctx, owner)[0].account
        workspace = workspaces.create_workspace(ctx, account.id, name="Soak")
    return Place(resources, owner, workspace.id, workspace.slug, port, pids, log)
