"""A Hub that does what it is told to do wrong. `server.py` shows how a test uses it.

content.py   what files hold          repos.py    made-up repos and their commits
routes.py    an honest Hub            faults.py   what can go wrong with an answer
sending.py   bytes on the wire        origin.py   one port          tls.py  certificates
names.py     paths that a client must refuse
proxy.py         what HTTP_PROXY names
unreachable.py   an address that nobody can connect to
process.py   the same as a process of its own (`python -m transfer.faulty_hub`)
"""

from .content import Noise
from .proxy import Proxy
from .repos import Repo
from .server import FaultyHub
from .tls import certificates
from .unreachable import unreachable

__all__ = ["FaultyHub", "Noise", "Proxy", "Repo", "certificates", "unreachable"]
