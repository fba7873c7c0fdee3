"""The products that a stand-in can be, their limits, and the rights of tokens."""

from dataclasses import dataclass, field

DAY = 86_400  # [s]
MEGA = 1_000_000  # [bytes]


@dataclass(frozen=True)
class Rights:
    """What a token may: read and write the buckets it names; with `all` everything, also make and change buckets."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    all: bool = False


ALL = Rights(all=True)


@dataclass
class Limits:
    """None: no limit."""

    buckets: int | None = None
    retention: int | None = None  # [s]
    window_bytes: int | None = None  # uncompressed, in each fixed window
    window: float = 300  # [s]
    body: int | None = None  # [bytes] as sent
    columns: int | None = None  # in a measurement, with tags and time


@dataclass(frozen=True)
class Product:
    """How one product differs from the others."""

    build: str  # X-Influxdb-Build of /ping
    version: str  # X-Influxdb-Version
    api: str  # the family of its answers: "1", "2" or "3"
    buckets: bool = False  # /api/v2/buckets, /api/v2/dbrps and /api/v2/orgs
    virtual: bool = False  # a bucket is mapped by itself (OSS since 2.4)
    mapped: bool = False  # InfluxQL needs a mapping
    limits: Limits = field(default_factory=Limits)


# Known: the headers of OSS 2 and v3, 10 MB and 5 databases of v3 Core, 50 MB and 200 columns of the clouds.
# Assumed: the headers of the clouds.
PRODUCTS = {
    "oss2": Product("OSS", "v2.7.11", "2", buckets=True, virtual=True, mapped=True),
    "cloud": Product("Cloud", "2.0", "2", buckets=True, mapped=True, limits=Limits(body=50 * MEGA)),
    "serverless": Product("Cloud", "2.0", "2", buckets=True, mapped=True, limits=Limits(body=50 * MEGA, columns=200)),
    "dedicated": Product("Cloud-Dedicated", "3.0", "2", limits=Limits(body=50 * MEGA, columns=250)),
    "v3": Product("Core", "3.8.0", "3", limits=Limits(buckets=5, body=10_485_760, columns=500)),
    "v1": Product("OSS", "1.6.7", "1"),
}
FREE = {"buckets": 2, "retention": 30 * DAY, "window_bytes": 5 * MEGA}  # known: the free plan of both clouds
