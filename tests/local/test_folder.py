import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local import ROOT
from local.console import Refused
from local.folder import LONGEST_SOCKET_PATH, Folder, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_and_its_files_are_for_the_owner_only(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "deep" / "data")
    folder.keys()
    folder.announce({"portal_url": "http://localhost:8000"})
    assert mode(folder.path) == 0o700
    assert mode(folder.socket().parent) == 0o700
    assert mode(folder.path / "keys.env") == 0o600
    assert mode(folder.ready_file) == 0o600
    folder.leave()


def test_the_keys_are_made_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    keys = folder.keys()
    folder.leave()
    again = Folder(tmp_path)
    assert again.keys() == keys
    assert set(keys) == {"STOA_MASTER_KEYS", "SECRET_KEY"}
    again.leave()


def test_the_ready_file_is_there_only_while_all_answers(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.announce({"token": "mwt_x"})
    assert json.loads(folder.ready_file.read_text()) == {"token": "mwt_x"}
    folder.leave()
    assert not folder.ready_file.exists()


def test_a_second_holder_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with pytest.raises(Refused, match=rf"process {os.getpid()}\) works in"):
        Folder(tmp_path)
    folder.leave()


def test_a_folder_is_free_again_when_its_holder_was_killed(tmp_path: Path) -> None:
    holder = "import sys, pathlib, os, signal; from local.folder import Folder; "
    holder += "folder = Folder(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", holder, str(tmp_path)], cwd=ROOT, check=False)
    Folder(tmp_path).leave()


def test_a_deep_folder_gets_a_short_socket_path_which_goes_with_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path / ("d" * 120))
    socket = folder.socket()
    assert len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH
    assert mode(socket.parent) == 0o700
    assert folder.socket() == socket
    folder.leave()
    assert not socket.parent.exists()


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"cannot be made: Not a directory\.$"):
        Folder(tmp_path / "file" / "data")


def test_a_private_file_replaces_one_that_others_could_read(tmp_path: Path) -> None:
    path = tmp_path / "demo.json"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), mode(path)) == ("new", 0o600)
