"""What stands before page and API: the token, the names by which the service is called, and the headers of answers."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "npvf_session"
OPEN = {"/api/health", "/login"}
# Of Gradio's own addresses, those that the page needs. Others take files, fetch addresses, or write code.
GRADIO = re.compile(
    r"/(|config|theme\.css|favicon\.ico|manifest\.json|robots\.txt|(assets|static|svelte)/[^\\]*"
    r"|gradio_api/(info|queue/join|queue/data|heartbeat/\w+|startup-events|reset|cancel|app_id|theme\.css)/?)"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Gradio's page compiles its templates and has inline scripts. Nothing is loaded from another host.
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'",
}
LOGIN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>npvf</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:15vh auto;padding:0 1rem}
input,button{font:inherit;width:100%;box-sizing:border-box;padding:.6rem;margin:.3rem 0}</style>
<h1>npvf</h1><form method="post" action="/login"><label>Token of this service
<input name="token" type="password" autocomplete="current-password" required autofocus></label>
<button>Continue</button></form><p role="alert">SAID</p>"""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the service.

    Attributes:
        token: what each request needs; None: none, and then only names of this machine are answered.
    """

    token: str | None = None

    def allows(self, headers: Headers, cookies: dict[str, str]) -> bool:
        """Return True if a request has the token, or the cookie that the login page sets."""
        if self.token is None:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        return (kind.lower() == "bearer" and self.is_token(given.strip())) or _same(
            cookies.get(COOKIE, ""), self.cookie
        )

    def is_token(self, given: str) -> bool:
        """Compare in constant time."""
        return self.token is not None and _same(given, self.token)

    @property
    def cookie(self) -> str:
        """The value of the cookie: a browser does not keep the token itself."""
        return hmac.new((self.token or "").encode(), b"npvf serve", hashlib.sha256).hexdigest()

    def knows(self, host: str) -> bool:
        """Return True if the service is called by a name of this machine, or if there is a token.

        A page on the web can make its own name lead to 127.0.0.1, and would then read the answers.
        """
        return self.token is not None or is_local(urlsplit(f"//{host}").hostname or "")


def is_local(host: str) -> bool:
    """Return True for the names and addresses with which a machine calls itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """The outermost layer (ASGI) of the service."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = await self._refusal(Request(scope, receive))
        await (answer or self.app)(scope, receive, _with_headers(send))

    async def _refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that is not passed on, else None."""
        path, of_api = request.url.path, request.url.path.startswith("/api/")
        if not self.access.knows(request.headers.get("host", "")):
            return _problem(421, "This service only answers to localhost. Start it with --host and --token for others.")
        if request.headers.get("sec-fetch-site") == "cross-site" and (of_api or request.method != "GET"):
            return _problem(403, "Requests from pages of other sites are not answered.")
        if path == "/login" and self.access.token is not None:
            return await self._login(request)
        if path not in OPEN and not self.access.allows(request.headers, request.cookies):
            if path == "/" and request.method == "GET":
                return _login_page("", 401)
            return _problem(401, "Send the token: 'Authorization: Bearer TOKEN'.", {"WWW-Authenticate": "Bearer"})
        return None if of_api or GRADIO.fullmatch(path) else _problem(404, "There is nothing here.")

    async def _login(self, request: Request) -> Response:
        if request.method != "POST":
            return _login_page("", 200)
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > 4096:
                    return _problem(413, "This is not a token.")
        except ClientDisconnect:
            return Response(status_code=400)
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
        if not self.access.is_token(given):
            return _login_page("This is not the token. The terminal of npvf serve shows it.", 401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE, self.access.cookie, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
        return answer


def _with_headers(send: Send) -> Send:
    """Add `HEADERS` to an answer where it does not have its own."""

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sender


def _login_page(said: str, status: int) -> HTMLResponse:
    return HTMLResponse(LOGIN.replace("SAID", said), status)


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, headers)


def _same(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode(), b.encode())
