"""Store and forward: rows are safe on this machine at once, and at the store as soon as it takes them.

queue.py    what waits, and what was refused, in the ledger of the home
courier.py  takes it to the carrier; back-off, limits
flight.py   requests that are on their way at once
parts.py    ever smaller parts of what was refused
trouble.py  failures that are remembered from run to run
box.py      the Sink around the carrier, and what it knows of rows that are on their way
age.py      how long parcels have waited, whatever the time of day is set to
ballast.py  room for the day on which the disk is full

The same class serves a collector that writes to InfluxDB and a device that publishes: whatever is a ports.Carrier.
"""

from __future__ import annotations

from .ballast import RESERVE, Ballast
from .box import Cap, Outbox, Remote
from .courier import Courier, Delivery, Policy
from .queue import SCHEMA, Depth, Line, Queue, Waiting
from .trouble import Trouble

__all__ = [
    "RESERVE",
    "SCHEMA",
    "Ballast",
    "Cap",
    "Courier",
    "Delivery",
    "Depth",
    "Line",
    "Outbox",
    "Policy",
    "Queue",
    "Remote",
    "Trouble",
    "Waiting",
]
