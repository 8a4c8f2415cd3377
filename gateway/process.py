"""One gateway process: `python -m gateway.process LISTENER_FD [PID]`.

Rule: gevent's patches come before every other import, so that nothing keeps an unpatched socket or lock.
"""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402 - after the patches, as the rule above has it

from gateway.serve import serve  # noqa: E402 - likewise

if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
