"""A small JSON API over the wire, with every style of paging and of login; what it saw can be asked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOGIN, SECRET = "docflow-user", "geheim-0815-geheim"


@dataclass(frozen=True)
class Seen:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str


@dataclass
class Api:
    """The API's documents and how it behaves; ``auth`` and ``paging`` choose the style."""

    auth: str = "none"
    paging: str = "one"
    documents: list[dict[str, Any]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    tokens: int = 0
    valid: set[str] = field(default_factory=set)
    link_to: str = ""
    stuck: bool = False
    lenient: bool = False
    number_type: type = str
    reply_without_id: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        handler = type("Handler", (_Handler,), {"api": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def calls(self, path: str = "/docs") -> list[Seen]:
        return [seen for seen in self.seen if seen.path.startswith(path)]

    def fill(self, count: int) -> None:
        self.documents = [
            {
                "id": str(n),
                "no": f"D-{n}",
                "company": "C1",
                "total": "10.50",
                "cur": "EUR",
                "vendor": "SUP-1",
                "note": "",
            }
            for n in range(count)
        ]

    def allowed(self, seen: Seen) -> bool:
        given = seen.headers.get("authorization", "")
        if self.auth == "basic":
            return given == "Basic " + base64.b64encode(f"{LOGIN}:{SECRET}".encode()).decode()
        if self.auth == "bearer":
            return given == f"Bearer {SECRET}"
        if self.auth == "header":
            return seen.headers.get("x-api-key") == SECRET
        if self.auth == "oauth2":
            return given.removeprefix("Bearer ") in self.valid
        if self.auth == "hmac":
            expected = hmac.new(
                SECRET.encode(), f"{seen.method}{seen.body}".encode(), hashlib.sha256
            ).hexdigest()
            return seen.headers.get("x-signature") == expected
        return True

    def csrf_ok(self, seen: Seen) -> bool:
        if self.auth != "csrf" or seen.method == "GET":
            return True
        pair = f"{seen.headers.get('x-csrf-token')}/{seen.headers.get('cookie')}"
        return pair in self.valid


class _Handler(BaseHTTPRequestHandler):
    api: Api
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Be quiet."""

    def _reply(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _serve(self) -> None:
        api, parts = self.api, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, parts.path, query, headers, body)
        with api.lock:
            api.seen.append(seen)
        if parts.path == "/token":
            return self._token(seen)
        if not api.allowed(seen):
            return self._reply(401, {"code": "AUTH", "text": "not you"})
        if headers.get("x-csrf-token") == "Fetch":
            return self._fetch_csrf()
        if not api.csrf_ok(seen):
            return self._reply(403, {"code": "CSRF", "text": "token"}, {"X-CSRF-Token": "Required"})
        if parts.path == "/docs":
            return self._create(json.loads(body)) if self.command == "POST" else self._list(query)
        return self._one(parts.path.rsplit("/", 1)[-1], body)

    do_GET = do_POST = do_PATCH = _serve

    def _token(self, seen: Seen) -> None:
        form = {name: values[0] for name, values in parse_qs(seen.body).items()}
        expected = "Basic " + base64.b64encode(f"{LOGIN}:{SECRET}".encode()).decode()
        in_body = (form.get("client_id"), form.get("client_secret")) == (LOGIN, SECRET)
        if seen.headers.get("authorization") != expected and not in_body:
            return self._reply(401, {"error": "invalid_client"})
        with self.api.lock:
            self.api.tokens += 1
            token = f"token-{self.api.tokens}-{SECRET}"
            self.api.valid.add(token)
        return self._reply(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _fetch_csrf(self) -> None:
        with self.api.lock:
            self.api.tokens += 1
            number = self.api.tokens
            self.api.valid.add(f"csrf-{number}/SESSION=s{number}")
        self._reply(
            200, {}, {"X-CSRF-Token": f"csrf-{number}", "Set-Cookie": f"SESSION=s{number}; Path=/; HttpOnly"}
        )

    def _create(self, body: dict[str, Any]) -> None:
        with self.api.lock:
            number = len(self.api.documents)
            made = {"id": str(number), "no": f"D-{number}", **body}
            self.api.documents.append(made)
        self._reply(201, {"ok": True} if self.api.reply_without_id else made)

    def _one(self, document_id: str, body: str) -> None:
        found = next((each for each in self.api.documents if each["id"] == document_id), None)
        if found is None:
            return self._reply(404, {"code": "NONE", "text": "no such document"})
        if self.command == "PATCH":
            found.update(json.loads(body))
        return self._reply(200, found)

    def _list(self, query: dict[str, str]) -> None:
        api = self.api
        found = [
            each for each in api.documents if "vendor" not in query or each.get("vendor") == query["vendor"]
        ]
        if "note" in query and not api.lenient:
            found = [each for each in found if each.get("note") == query["note"]]
        if "no" in query:
            found = [each for each in found if each["no"] in query["no"].split(",")]
        start = int(query.get("offset") or query.get("cursor") or (int(query.get("page", 1)) - 1) * 10)
        page, after = found[start : start + 10], start + 10
        more = after < len(found)
        body: dict[str, Any] = {"data": page, "meta": {"total": len(found), "pages": -(-len(found) // 10)}}
        headers: dict[str, str] = {}
        if more or api.stuck:
            where = f"{api.link_to}/docs?offset={start if api.stuck else after}"
            body["meta"]["next"] = str(start if api.stuck else after)
            body["meta"]["link"] = where
            headers["Link"] = f'</docs?offset=0>; rel="first", <{where}>; title="a, b"; rel="next last"'
        if api.paging == "one":
            body["data"] = found
        self._reply(200, body, headers)
