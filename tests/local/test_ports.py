import socket

import pytest

from local.console import Refused
from local.ports import HOST, answers, free_port, require_free


def test_a_taken_port_is_refused_with_the_option_that_chooses_another() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert answers(port)
        with pytest.raises(Refused, match=rf"Port {port} cannot be used .*--web-port"):
            require_free(port, "--web-port")


def test_a_free_port_is_free() -> None:
    port = free_port()
    require_free(port, "--web-port")
    assert not answers(port)
