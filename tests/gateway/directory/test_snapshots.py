"""A snapshot is used in the very version that was asked for, and read once for all who need it."""

import gevent

from gateway.directory.snapshots import MAX_SNAPSHOTS, Server, Snapshot, Snapshots


def snapshot(slug: str, version: int, *, sessions: str = "shared") -> Snapshot:
    server = Server("0" * 32, "main", "", "http://x/mcp", None, "s", 5, 60, f"d-{sessions}", sessions)
    return Snapshot("1" * 32, slug, "Demo", version, 60, b"key", (server,))


class Database:
    """What the loader would read, and how often it was asked to."""

    def __init__(self) -> None:
        self.rows: dict[str, Snapshot] = {}
        self.reads = 0

    def load(self, slug: str) -> Snapshot | None:
        self.reads += 1
        gevent.sleep(0)  # the others get their turn, as they do while a real database is asked
        return self.rows.get(slug)


def test_a_version_is_read_once() -> None:
    database = Database()
    database.rows["demo"] = snapshot("demo", 3)
    snapshots = Snapshots(database.load)
    assert [snapshots.find("demo", 3) for _ in range(5)] == [database.rows["demo"]] * 5
    assert database.reads == 1


def test_a_change_of_who_shares_a_session_is_seen_with_the_next_version() -> None:
    database = Database()
    snapshots = Snapshots(database.load)
    found = []
    for version, sessions in ((3, "shared"), (4, "client")):
        database.rows["demo"] = snapshot("demo", version, sessions=sessions)
        seen = snapshots.find("demo", version)
        assert seen is not None
        found.append((seen.servers[0].sessions, seen.servers[0].definition))
    assert found == [("shared", "d-shared"), ("client", "d-client")]


def test_a_version_that_the_database_does_not_have_is_not_replaced_by_another() -> None:
    database = Database()
    database.rows["demo"] = snapshot("demo", 4)
    snapshots = Snapshots(database.load)
    assert snapshots.find("demo", 3) is None
    assert snapshots.find("nowhere", 1) is None
    assert snapshots.find("demo", 4) is database.rows["demo"]


def test_of_many_that_miss_at_once_one_reads() -> None:
    database = Database()
    database.rows["demo"] = snapshot("demo", 3)
    snapshots = Snapshots(database.load)
    asking = [gevent.spawn(snapshots.find, "demo", 3) for _ in range(20)]
    assert [one.get(timeout=10) for one in asking] == [database.rows["demo"]] * 20
    assert database.reads == 1


def test_beyond_the_bound_the_one_used_least_recently_makes_room() -> None:
    database = Database()
    snapshots = Snapshots(database.load)
    for number in range(MAX_SNAPSHOTS):
        database.rows[f"w{number}"] = snapshot(f"w{number}", 1)
        snapshots.find(f"w{number}", 1)
    snapshots.find("w0", 1)
    database.rows["one-more"] = snapshot("one-more", 1)
    snapshots.find("one-more", 1)
    before = database.reads
    snapshots.find("w0", 1)
    assert database.reads == before, "it was used a moment ago"
    snapshots.find("w1", 1)
    assert database.reads == before + 1, "it had made room"
