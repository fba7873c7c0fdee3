"""A Grafana for the tests: its HTTP API with what it keeps, on 127.0.0.1. Not ours: it stands for the real one.

It answers as Grafana does, in what it adds to dashboards, in versions, in rights and in the words of refusals. A
person's hand is `edit`, `move` and `provision`. `fail` makes a request fail, `meanwhile` acts between two requests.
"""

import base64
import copy
import json
import re
import threading
import uuid
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

Request = namedtuple("Request", "method path query headers body")

TOKEN = "glsa_over_the_hills_and_far_away"
RIGHTS = {
    "folders:read",
    "folders:create",
    "datasources:read",
    "datasources:create",
    "datasources:write",
    "datasources:query",
    "dashboards:read",
    "dashboards:create",
    "dashboards:write",
    "alert.provisioning:read",
    "alert.provisioning:write",
    "dashboards.public:write",
}
UID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
ROUTES = []


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status, message, /, **more):
        super().__init__(message)
        self.status, self.body = status, {"message": message, **more}


def route(method, path, right=""):
    """Declare what answers a request; each {name} of the path becomes an argument."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", "/api" + path))

    def declare(function):
        ROUTES.append((method, pattern, right, function))
        return function

    return declare


class Grafana:
    """The server; a context manager. Everything that it keeps may be looked at.

    Args:
        version: what it says of itself; hidden: only to who has logged in.
        path: under which it is served, such as /grafana.
        notes: whether it tells the notes of versions; bare: as a list, as older ones do.
        public: whether public dashboards are switched on. quota: folders, dashboards or rules -> how many it takes.
    """

    def __init__(self, version="13.0.0", path="", *, hidden=False, notes=True, bare=False, public=True, quota=()):
        self.version, self.prefix, self.hidden, self.notes, self.bare = version, path, hidden, notes, bare
        self.public_on, self.quota = public, dict(quota)
        self.rights, self.token, self.login = set(RIGHTS), TOKEN, ("admin", "a secret")
        self.folders, self.sources, self.dashboards, self.rules, self.points, self.public = {}, {}, {}, {}, {}, {}
        self.secrets = {}  # uid of a data source -> its secureJsonData
        self.health = lambda source, secrets: ""  # what is wrong with a data source
        self.requests, self.failures, self.meanwhile = [], [], None
        self.faults = []
        self.page = None  # (status, content type, body) that it answers everything with: it is something else

    def __enter__(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer in one piece: its second one would wait 40 ms for the receipt of the first
            disable_nagle_algorithm = True

            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                status, kind, data, more = server.answered(self.command, self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}{self.prefix}"
        return self

    def __exit__(self, kind, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        if self.faults and kind is None:
            raise self.faults[0]

    # what a test does with it

    def fail(self, method, path, status, message="", /, times=10**6, **more):
        """Answer requests whose path holds the pattern `path` with a failure."""
        self.failures.append([method, path, times, Refusal(status, message, **more)])

    def edit(self, uid, change):
        """A person changes a dashboard on its page, and saves it without a note."""
        versions = self.dashboards[uid]["versions"]
        model = copy.deepcopy(versions[-1]["json"])
        change(model)
        versions.append({"json": model, "message": ""})

    def move(self, uid, folder):
        """A person moves a dashboard: no new version."""
        self.dashboards[uid]["folder"] = folder

    def provision(self, uid):
        """The dashboard comes from a file."""
        self.dashboards[uid]["provisioned"] = True

    def versions(self):
        """uid -> number of the newest version: what a push that changes nothing leaves alone."""
        kept = {uid: len(one["versions"]) for uid, one in self.dashboards.items()}
        kept |= {uid: one["version"] for uid, one in (self.sources | self.rules | self.points).items()}
        return kept

    def model(self, uid):
        """A dashboard as it was written."""
        return self.dashboards[uid]["versions"][-1]["json"]

    def writes(self):
        """(method, path) of every request that was no question."""
        return [(one.method, one.path) for one in self.requests if one.method != "GET"]

    # how it answers

    def answered(self, method, target, headers, body):
        """status, content type, body, further headers."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = unquote(parts.path).removeprefix(self.prefix)
        headers = {name.lower(): value for name, value in headers.items()}
        self.requests.append(Request(method, path, query, headers, body))
        if self.page:
            status, kind, data, *more = self.page
            return status, kind, data, more[0] if more else {}
        try:
            status, found = self.found(method, path, query, headers, body)
        except Refusal as refusal:
            status, found = refusal.status, refusal.body
        except Exception as error:  # of this file
            self.faults.append(error)
            status, found = 500, {"message": "the fake of Grafana is broken"}
        data = b"" if status == 204 else json.dumps(found).encode()
        return status, "application/json; charset=UTF-8", data, {}

    def found(self, method, path, query, headers, body):
        if self.meanwhile:
            self.meanwhile(method, path)
        for one in self.failures:
            if one[0] == method and re.search(one[1], path) and one[2]:
                one[2] -= 1
                raise one[3]
        for verb, pattern, right, function in ROUTES:
            match = pattern.fullmatch(path)
            if match and verb == method:
                known = self.knows(headers)
                if right != "anybody":
                    self.permit(known, right)
                words = json.loads(body) if body else None
                return function(self, *match.groups(), body=words, query=query, known=known)
        raise Refusal(404, "Not found")

    def knows(self, headers):
        word = headers.get("authorization", "")
        basic = "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
        return word in (f"Bearer {self.token}", basic)

    def permit(self, known, right):
        if not known:
            raise Refusal(401, "Invalid API key", messageId="api-key.invalid", statusCode=401)
        if right and right not in self.rights:
            words = f"You'll need additional permissions to perform this action. Permissions needed: {right}"
            raise Refusal(403, words, accessErrorId="ACE0123456789", title="Access denied")

    def within(self, kind, number):
        if number >= self.quota.get(kind, 10**6):
            raise Refusal(403, "Quota reached")


@route("GET", "/health", "anybody")
def _health(self, known, **_):
    version = {} if self.hidden and not known else {"version": self.version, "commit": "0123abc"}
    return 200, {"database": "ok", **version}


@route("GET", "/frontend/settings")
def _settings(self, **_):
    return 200, {"buildInfo": {"version": self.version, "edition": "Open Source"}}


@route("GET", "/folders", "folders:read")
def _folders(self, **_):
    return 200, [{"id": at, "uid": uid, "title": title} for at, (uid, title) in enumerate(self.folders.items(), 1)]


@route("GET", "/folders/{uid}", "folders:read")
def _folder(self, uid, **_):
    if uid not in self.folders:
        raise Refusal(404, "folder not found", status="not-found")
    return 200, {"uid": uid, "title": self.folders[uid], "version": 1}


@route("POST", "/folders", "folders:create")
def _new_folder(self, body, **_):
    self.within("folders", len(self.folders))
    if body["title"] in self.folders.values():
        raise Refusal(409, "a folder with the same name already exists in the current location")
    if body["uid"] in self.folders:
        raise Refusal(412, "the folder has been changed by someone else", status="version-mismatch")
    self.folders[body["uid"]] = body["title"]
    return 200, {"uid": body["uid"], "title": body["title"], "version": 1}


@route("GET", "/datasources/uid/{uid}", "datasources:read")
def _source(self, uid, **_):
    if uid not in self.sources:
        raise Refusal(404, "Data source not found")
    fields = {name: True for name, value in self.secrets.get(uid, {}).items() if value}
    return 200, {**self.sources[uid], "secureJsonFields": fields}


@route("POST", "/datasources", "datasources:create")
def _new_source(self, body, **_):
    if any(one["name"] == body["name"] for one in self.sources.values()):
        raise Refusal(409, "data source with the same name already exists")
    if not UID.fullmatch(body["uid"]):
        raise Refusal(400, "invalid format of UID")
    _keep_source(self, body, 1)
    return 200, {"datasource": self.sources[body["uid"]], "id": 1, "message": "Datasource added", "name": body["name"]}


@route("PUT", "/datasources/uid/{uid}", "datasources:write")
def _update_source(self, uid, body, **_):
    there = self.sources.get(uid)
    if there is None:
        raise Refusal(404, "Data source not found")
    if there.get("readOnly"):
        raise Refusal(403, "Cannot update read-only data source")
    if body.get("version") not in (None, there["version"]):
        raise Refusal(409, "Datasource has already been updated by someone else. Please reload and try again")
    _keep_source(self, body, there["version"] + 1)
    return 200, {"datasource": self.sources[uid], "message": "Datasource updated", "name": body["name"]}


def _keep_source(self, body, version):
    uid = body["uid"]
    self.secrets[uid] = self.secrets.get(uid, {}) | body.get("secureJsonData", {})
    kept = {name: value for name, value in body.items() if name != "secureJsonData"}
    more = {"id": 1, "orgId": 1, "user": "", "database": "", "basicAuth": False, "withCredentials": False}
    self.sources[uid] = {**more, "readOnly": False, **kept, "version": version}


@route("GET", "/datasources/uid/{uid}/health", "datasources:query")
def _source_health(self, uid, **_):
    wrong = self.health(self.sources[uid], self.secrets.get(uid, {}))
    if wrong:
        return 400, {"status": "ERROR", "message": wrong}
    return 200, {"status": "OK", "message": "datasource is working. 3 measurements found"}


@route("GET", "/search", "dashboards:read")
def _search(self, query, **_):
    hits = []
    for uid, one in self.dashboards.items():
        model, folder = self.model(uid), one["folder"]
        if query.get("tag", "") in ("", *model["tags"]):
            hit = {"uid": uid, "title": model["title"], "type": "dash-db", "tags": model["tags"]}
            hits.append(hit | ({"folderUid": folder, "folderTitle": self.folders[folder]} if folder else {}))
    return 200, hits


@route("GET", "/dashboards/uid/{uid}", "dashboards:read")
def _dashboard(self, uid, **_):
    if uid not in self.dashboards:
        raise Refusal(404, "Dashboard not found")
    one = self.dashboards[uid]
    version = len(one["versions"])
    meta = {"type": "db", "version": version, "folderUid": one["folder"], "provisioned": one["provisioned"]}
    meta["folderTitle"] = self.folders.get(one["folder"], "General")
    return 200, {"dashboard": {**_dressed(self.model(uid)), "id": one["id"], "version": version}, "meta": meta}


def _dressed(model):
    """A dashboard as Grafana gives it back: brought up to date, and with what it adds."""
    found = copy.deepcopy(model) | {"schemaVersion": 42, "style": "dark"}
    for panel in found.get("panels", ()):
        panel |= {"pluginVersion": "13.0.0", "transparent": False}
        panel.setdefault("fieldConfig", {}).setdefault("defaults", {}).setdefault("custom", {})["axisLabel"] = ""
    return found


@route("GET", "/dashboards/uid/{uid}/versions", "dashboards:write")
def _versions(self, uid, **_):
    if not self.notes:
        raise Refusal(404, "Not found")
    versions = self.dashboards[uid]["versions"]
    found = [{"version": at, "message": one["message"], "uid": uid} for at, one in enumerate(versions, 1)][::-1]
    return 200, found if self.bare else {"versions": found, "continueToken": ""}


@route("POST", "/dashboards/db")
def _save(self, body, **_):
    model = body["dashboard"]
    uid, there = model["uid"], self.dashboards.get(model["uid"])
    self.permit(True, "dashboards:write" if there else "dashboards:create")
    if not model.get("title"):
        raise Refusal(400, "Dashboard title cannot be empty", status="empty-name")
    if not UID.fullmatch(uid):
        raise Refusal(400, "uid contains illegal characters", status="error")
    if body.get("folderUid") and body["folderUid"] not in self.folders:
        raise Refusal(400, "folder not found", status="not-found")
    if there and there["provisioned"]:
        raise Refusal(400, "Cannot save provisioned dashboard")
    if there and not body.get("overwrite") and model.get("version") != len(there["versions"]):
        raise Refusal(412, "The dashboard has been changed by someone else", status="version-mismatch")
    if not there:
        self.within("dashboards", len(self.dashboards))
        there = {"id": len(self.dashboards) + 1, "versions": [], "provisioned": False}
    there["folder"] = body.get("folderUid", "")
    kept = {name: value for name, value in model.items() if name not in ("id", "version")}
    there["versions"].append({"json": kept, "message": body.get("message", "")})
    self.dashboards[uid] = there
    return 200, {"id": there["id"], "uid": uid, "status": "success", "version": len(there["versions"])}


@route("GET", "/v1/provisioning/alert-rules", "alert.provisioning:read")
def _rules(self, **_):
    return 200, list(self.rules.values())


@route("POST", "/v1/provisioning/alert-rules", "alert.provisioning:write")
def _new_rule(self, body, **_):
    if body["uid"] in self.rules:
        raise Refusal(409, "a conflicting alert rule is found: rule UID under the same organisation should be unique")
    self.within("rules", len(self.rules))
    return _keep_rule(self, body, 1, 201)


@route("PUT", "/v1/provisioning/alert-rules/{uid}", "alert.provisioning:write")
def _update_rule(self, uid, body, **_):
    there = self.rules[uid]
    if there["provenance"] not in ("", "api"):
        raise Refusal(409, f"cannot change provenance from '{there['provenance']}' to 'api'")
    return _keep_rule(self, body, there["version"] + 1, 200)


def _keep_rule(self, body, version, status):
    letters = [one["refId"] for one in body["data"]]
    receiver = body.get("notification_settings", {}).get("receiver")
    titles = [one["title"] for one in self.rules.values() if one["uid"] != body["uid"]]
    if body["condition"] not in letters or len(set(letters)) != len(letters) or not UID.fullmatch(body["uid"]):
        raise Refusal(400, "invalid alert rule: condition does not exist, must be one of the refIds")
    if body["folderUID"] not in self.folders:
        raise Refusal(400, "invalid alert rule: folder does not exist")
    if receiver and receiver not in {one["name"] for one in self.points.values()}:
        raise Refusal(400, f"invalid alert rule: receiver {receiver} does not exist")
    if body["title"] in titles or len(body["title"]) > 190:
        raise Refusal(400, "invalid alert rule: a rule with this title is in the folder, or it is too long")
    kept = {name: value for name, value in body.items() if value not in ({}, False)}
    kept["for"] = re.sub(r"^(\d+m)$", r"\g<1>0s", body["for"])
    more = {"id": 1, "updated": "2026-01-01T00:00:00Z", "provenance": "api", "record": None, "keep_firing_for": "0s"}
    self.rules[body["uid"]] = {**more, **kept, "version": version}
    return status, self.rules[body["uid"]]


@route("DELETE", "/v1/provisioning/alert-rules/{uid}", "alert.provisioning:write")
def _end_rule(self, uid, **_):
    self.rules.pop(uid, None)
    return 204, None


@route("GET", "/v1/provisioning/contact-points", "alert.provisioning:read")
def _points(self, query, **_):
    return 200, [one for one in self.points.values() if query.get("name") in (None, one["name"])]


@route("POST", "/v1/provisioning/contact-points", "alert.provisioning:write")
def _new_point(self, body, **_):
    self.points[body["uid"]] = {**body, "provenance": "api", "version": 1}
    return 202, self.points[body["uid"]]


@route("PUT", "/v1/provisioning/contact-points/{uid}", "alert.provisioning:write")
def _update_point(self, uid, body, **_):
    self.points[uid] = {**body, "provenance": "api", "version": self.points[uid]["version"] + 1}
    return 202, {"message": "contactpoint updated"}


@route("GET", "/dashboards/uid/{uid}/public-dashboards", "dashboards:read")
def _public(self, uid, **_):
    if uid not in self.public or not self.public_on:
        raise Refusal(404, "Public dashboard not found", messageId="publicdashboards.notFound", statusCode=404)
    return 200, self.public[uid]


@route("POST", "/dashboards/uid/{uid}/public-dashboards", "dashboards.public:write")
def _new_public(self, uid, body, **_):
    if not self.public_on:
        raise Refusal(404, "Not found")
    known = {"uid", "accessToken", "timeSelectionEnabled", "isEnabled", "annotationsEnabled", "share"}
    if body.keys() - known or uid in self.public:
        raise Refusal(400, "Bad request", messageId="publicdashboards.badRequest")
    more = {"uid": str(uuid.uuid4()), "dashboardUid": uid, "accessToken": uuid.uuid4().hex}
    self.public[uid] = {**more, **body}
    return 200, self.public[uid]


@route("PATCH", "/dashboards/uid/{uid}/public-dashboards/{number}", "dashboards.public:write")
def _change_public(self, uid, number, body, **_):
    if self.public[uid]["uid"] != number:
        raise Refusal(404, "Public dashboard not found", messageId="publicdashboards.notFound")
    self.public[uid] |= body
    return 200, self.public[uid]


@route("DELETE", "/dashboards/uid/{uid}/public-dashboards/{number}", "dashboards.public:write")
def _end_public(self, uid, number, **_):
    if self.public[uid]["uid"] != number:
        raise Refusal(404, "Public dashboard not found", messageId="publicdashboards.notFound")
    del self.public[uid]
    return 200, None
