"""Buckets as databases of influxd."""

from .products import DAY

SCRATCH = "parse only"  # a database where lines show whether they can be read


def quoted(name):
    """A name as InfluxQL writes it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def keep(influxd, name, every):
    """Make the database of a bucket, or change how long it keeps points [s]; 0: for ever.

    The length of a shard is that of 2.x: one hour, one day or seven days.
    """
    shard = "1h" if 0 < every < 2 * DAY else "24h" if 0 < every <= 180 * DAY else "168h"
    how = f"DURATION {every}s SHARD DURATION {shard}" if every else f"DURATION INF SHARD DURATION {shard}"
    influxd.query(f"CREATE DATABASE {quoted(name)}")
    influxd.query(f'ALTER RETENTION POLICY "autogen" ON {quoted(name)} {how} DEFAULT')


def drop(influxd, name):
    """Drop the database of a bucket, if it is there."""
    influxd.query(f"DROP DATABASE {quoted(name)}")


def kept(influxd, name):
    """How long the database of a bucket keeps points [s]; 0: for ever."""
    (policies,) = influxd.query(f"SHOW RETENTION POLICIES ON {quoted(name)}")
    return next(seconds(policy[1]) for policy in policies["values"] if policy[0] == "autogen")


def seconds(duration):
    """A duration as influxd prints it, such as 720h0m0s, in seconds."""
    total, number = 0, ""
    for sign in duration:
        if sign.isdigit():
            number += sign
        else:
            total, number = total + int(number) * {"h": 3600, "m": 60, "s": 1}[sign], ""
    return total
