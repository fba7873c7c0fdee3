"""A server with the API of any InfluxDB product, in front of a real influxd 1.6.7 that keeps what it acknowledges.

A bucket is a database of that influxd, so `facade.influxd.read(bucket, measurement)` says what is really there. What an
answer rests on is said where it is made: "known" is InfluxData's API documents, its Go and Rust sources or a report of
a user; "assumed" is all else. Not here: Flux, SQL, tasks, `_monitoring`, Flight.
"""

import threading

from loopback import free_port

from .answers import Answer, Request, identity, problem
from .products import ALL, DAY, FREE, PRODUCTS, Limits, Rights
from .server import Handler, Server
from .storage import SCRATCH, keep
from .writes import WRITES

__all__ = ["ALL", "Facade", "Limits", "Request", "Rights", "identity"]

ORG, ORG_ID = "field-lab", "0123456789abcdef"


class Facade:
    """One product on a port of its own; a context manager.

    Args:
        influxd: keeps the data; its databases are the buckets.
        product: oss2, cloud, serverless, dedicated, v3 or v1 (which only passes on, and records).
        tokens: the Rights of each token. None: one token, `facade.token`, with all rights.
        free: with the limits of the free plan of the clouds.
        virtual: whether buckets are mapped by themselves; None: as the product does.

    `faults` is a list of faults (None: no fault), spent one a request to write, or a function of the Request that
    returns one. `requests` is all that came. `limits` may be changed.
    """

    def __init__(self, influxd, product="oss2", tokens=None, free=False, virtual=None):
        self.influxd, self.name, self.product = influxd, product, PRODUCTS[product]
        self.token = "a-token-that-nobody-may-see"
        self.tokens = {self.token: ALL} if tokens is None else dict(tokens)
        self.limits = Limits(**{**vars(self.product.limits), **(FREE if free else {})})
        self.virtual = self.product.virtual if virtual is None else virtual
        self.org, self.org_id = ORG, ORG_ID
        self.faults, self.requests, self.mappings, self.mistakes = [], [], [], []
        self.began, self.used = 0.0, 0
        self.columns = {}
        self.lock = threading.RLock()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server = None

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, kind, *_):
        self.down()
        if self.mistakes and kind is None:  # a test must not pass because the stand-in is broken
            raise self.mistakes[0]

    def up(self):
        """Listen (again) on the same port."""
        if self.server is None:
            self.server = Server(("127.0.0.1", self.port), Handler)
            self.server.facade = self
            self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
            self.thread.start()

    def down(self):
        """Stop listening and cut every connection, as an outage does."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server.cut()
            self.thread.join()
            self.server = None

    def writes(self):
        """The requests to write that came so far."""
        return [request for request in self.requests if request.path in WRITES]

    def create(self, bucket, keep_days=None):
        """Make a bucket behind the API's back, as the vendor's own tool does."""
        keep(self.influxd, bucket, keep_days * DAY if keep_days else 0)

    def fault(self, request):
        """The fault meant for this request to write, or None."""
        if callable(self.faults):
            return self.faults(request)
        with self.lock:
            return self.faults.pop(0) if self.faults else None

    def rights(self, headers):
        """What the token of a request may.

        Known: Token of v2 and Bearer of v3 are both taken; 401 for no token or an unknown one.
        """
        words = headers.get("Authorization", "").split(" ", 1)
        if len(words) == 2 and words[0] in ("Token", "Bearer") and words[1] in self.tokens:
            return self.tokens[words[1]]
        if self.product.api == "3":
            raise Answer(401, {"error": "the request was not authenticated"})
        raise problem(401, "unauthorized access")

    def names(self):
        """The buckets there are."""
        found = self.influxd.query("SHOW DATABASES")[0].get("values", [])
        return [name for (name,) in found if name not in ("_internal", SCRATCH)]
