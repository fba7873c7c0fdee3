"""What it means that a connection to an InfluxDB server fails: words for a person, and what to do."""

from __future__ import annotations

import re

from ..errors import Unreachable
from ._influx_faults import LATER, Place, wants_login

AWAY = "Is the server on, the network there, and `url` right? Rows for it wait in the outbox."
BEHIND = "Is the network there, and `url` right? If all goes through a proxy here, set `influxdb.proxy`. " + LATER
PLAIN = (  # what urllib3 and Python say of a connection that fails, and the same for a person, with what to do
    (r"(?i)connection refused|actively refused|10061", "connection refused", AWAY),
    (r"(?i)failed to resolve|name or service|getaddrinfo|nodename nor|name resolution", "no such host name", BEHIND),
    (r"(?i)timed out|timeout", "no answer in time", BEHIND),
    (r"(?i)unreachable|no route to host", "the network is not there", BEHIND),
    (r"(?i)wrong.version.number|record layer failure", "no SSL (TLS) there: is it `http://`?", AWAY),
    (
        r"(?i)certificate has expired|not yet valid",
        "its SSL certificate has expired, or is not valid yet",
        f"Is the clock of this computer right? Else the server needs a new certificate. {LATER}",
    ),
    (
        r"(?i)hostname mismatch|ip address mismatch|doesn't match",
        "its SSL certificate is that of another name",
        f"Write the name that stands in the certificate into `url`. {LATER}",
    ),
    (
        r"(?i)certificate verify failed|self.signed",
        "its SSL certificate is signed by an authority that this computer does not know",
        f"Get the certificate of that authority (your institution has it), and name its file in `influxdb.ca_file`."
        f" {LATER}",
    ),
    (r"(?i)reset by peer|connection aborted|forcibly closed|remote end closed", "the connection was cut off", AWAY),
)


def lost(place: Place, said: str) -> Unreachable:
    """No connection, or none to the end; what was said of it in few words, or as it is where we have none."""
    known = ((plain, remedy) for pattern, plain, remedy in PLAIN if re.search(pattern, said))
    plain, remedy = next(known, (said, AWAY))
    return Unreachable(f"{place}: found no connection ({plain}), expected an answer.\n  {remedy}")


def stopped(place: Place, proxy: str, said: str) -> Unreachable:
    """The proxy on the way is not there, or does not let us through."""
    refused = re.search(r"Tunnel connection failed: (\d+)([\w ]*)", said)
    if refused and refused[1] == "407":
        return wants_login(f"{place}: found that the proxy {proxy} wants a login (407)")
    if refused:
        why = f"{refused[1]}{refused[2].rstrip()}"
        return Unreachable(
            f"{place}: found that the proxy {proxy} does not let us through ({why}), expected an answer of the"
            " server.\n  Ask who runs the proxy to allow this address, or correct `influxdb.proxy`."
            f" {LATER}"
        )
    plain = next((plain for pattern, plain, _ in PLAIN if re.search(pattern, said)), said)
    return Unreachable(
        f"{place}: found no connection to the proxy {proxy} ({plain}), expected an answer.\n"
        f"  Correct `influxdb.proxy`, or leave it out where no proxy is needed. {LATER}"
    )
