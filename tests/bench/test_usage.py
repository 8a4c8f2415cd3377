import os
import subprocess
import sys

from bench.usage import cpu_seconds, family_of, resident_mib
from tests.waiting import until

BUSY = """
import time
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
print("done", flush=True)
input()
"""


def test_work_shows_as_seconds_of_cpu() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as busy:
        assert busy.stdout
        busy.stdout.readline()
        assert 0.28 <= cpu_seconds([busy.pid]) < 1
        assert 1 < resident_mib([busy.pid]) < 100
        busy.communicate(b"\n")


def test_a_family_has_the_children_of_children() -> None:
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {'input()'!r}])"
    with subprocess.Popen([sys.executable, "-c", inner], stdin=subprocess.PIPE) as outer:
        family = until(lambda: found if len(found := family_of(os.getpid())) >= 3 else [])
        assert family[0] == os.getpid()
        assert outer.pid in family
        outer.communicate(b"\n")
