"""The page's server: uploads and downloads by token, Gradio's page, and around both a guard."""

import base64
import hmac
import os
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ccstereo.app.service import Limits, Service
from ccstereo.app.workspace import Workspace
from ccstereo.errors import MediaError

Message = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
LOCAL = ("127.0.0.1", "localhost", "::1")

# Nothing that the page loads may come from elsewhere, whatever Gradio's own page asks for.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)
CLOSED = ("/gradio_api/upload", "/gradio_api/file", "/gradio_api/proxy", "/gradio_api/stream", "/monitoring")
"""Gradio's own ways for files, which name places on this machine; the page has its own."""


class Guard:
    """Lets requests through to an application: with the right password, from this page, to what is open.

    Args:
        app: ASGI application.
        auth: "user:password", which HTTP's basic authentication asks for; "" asks for none.
        hosts: names by which this server may be asked for; () takes any.
    """

    def __init__(self, app: Any, auth: str = "", hosts: tuple[str, ...] = ()) -> None:
        self.app = app
        self.auth = auth
        self.hosts = hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on and add the policy to its answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # the page has no use for websockets
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refusal(scope["path"], headers)
        if refused is not None:
            await refused(scope, receive, send)
            return

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = {
                    "content-security-policy": POLICY,
                    "referrer-policy": "no-referrer",
                    "x-content-type-options": "nosniff",
                }
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in extra.items())]
            await send(message)

        await self.app(scope, receive, send_with_policy)

    def _refusal(self, path: str, headers: dict[str, str]) -> Response | None:
        host = headers.get("host", "")
        if self.hosts and host.rpartition(":")[0].strip("[]") not in self.hosts and host not in self.hosts:
            return PlainTextResponse("this page is for this machine alone", 403)  # a foreign name that leads here
        origin = headers.get("origin", "")
        if origin and origin.partition("://")[2] != host:
            return PlainTextResponse("requests from other pages are refused", 403)
        if self.auth and not hmac.compare_digest(_given(headers.get("authorization", "")), self.auth.encode()):
            return PlainTextResponse("a user and a password are needed", 401, {"www-authenticate": "Basic"})
        if path.startswith(CLOSED):
            return PlainTextResponse("not here", 404)
        return None


def _given(authorization: str) -> bytes:
    """User and password of a header of basic authentication."""
    kind, _, coded = authorization.partition(" ")
    try:
        return base64.b64decode(coded, validate=True) if kind.lower() == "basic" else b""
    except ValueError:
        return b""


def make_server(service: Service, *, auth: str = "", local: bool = True) -> Guard:
    """Put everything together: an ASGI application.

    Args:
        service: what does the work.
        auth: "user:password", or "" for none.
        local: whether only this machine asks.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported
    os.environ["GRADIO_TEMP_DIR"] = str(service.workspace.root / "gradio")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(service.workspace.root / "torch")  # PyTorch makes it in passing
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import gradio
    from fastapi import FastAPI

    from ccstereo.app.page import make_page, page_settings

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes.extend(
        [
            Route("/files", _upload(service), methods=["POST"]),
            Route("/files/{token}", _download(service.workspace), methods=["GET"]),
            Route("/files/{token}", _remove(service.workspace), methods=["DELETE"]),
        ]
    )
    gradio.mount_gradio_app(
        app,
        make_page(service),
        path="/",
        ssr_mode=False,
        show_error=True,
        footer_links=[],
        run_history=False,
        **page_settings(),
    )
    return Guard(app, auth, LOCAL if local else ())


def _upload(service: Service) -> Callable[[Request], Awaitable[Response]]:
    """Take a file: its name in the address, its bytes as they are."""

    async def upload(request: Request) -> Response:
        stored = service.workspace.create(request.query_params.get("name", ""))
        size = 0
        try:
            service.limits.check_bytes(stored.name, int(request.headers.get("content-length") or 0))
            with stored.path.open("wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    service.limits.check_bytes(stored.name, size)
                    file.write(chunk)
        except (MediaError, ClientDisconnect, OSError, ValueError) as error:
            service.workspace.remove(stored.token)
            if isinstance(error, MediaError):  # a browser reads no answer while it still sends
                with suppress(ClientDisconnect):
                    async for _ in request.stream():
                        pass
            status = 413 if isinstance(error, MediaError) else 400
            return JSONResponse({"error": service.explain(error)}, status)
        except BaseException:
            service.workspace.remove(stored.token)
            raise
        return JSONResponse({"token": stored.token, "name": stored.name, "bytes": size})

    return upload


def _download(workspace: Workspace) -> Callable[[Request], Awaitable[Response]]:
    """Give a file, in pieces where a player asks for them."""

    async def download(request: Request) -> Response:
        stored = workspace.get(request.path_params["token"])
        if stored is None or not stored.path.is_file():
            return PlainTextResponse("there is no such file, or it is gone", 404)
        kind = "attachment" if "download" in request.query_params else "inline"
        return FileResponse(
            stored.path, filename=stored.name, content_disposition_type=kind, headers={"cache-control": "no-store"}
        )

    return download


def _remove(workspace: Workspace) -> Callable[[Request], Awaitable[Response]]:
    async def remove(request: Request) -> Response:
        workspace.remove(request.path_params["token"])
        return Response(status_code=204)

    return remove


def run(
    host: str,
    port: int,
    limits: Limits,
    *,
    auth: str = "",
    weights: Sequence[str] = (),
    device: str = "cpu",
    announce: Callable[[str], None],
) -> None:
    """Serve the page until it is interrupted; remove all files at the end.

    Args:
        host: address to serve at.
        port: 0 takes a free one.
        limits: what is taken.
        auth: "user:password", or "" for none.
        weights: that can be chosen; () is the package's.
        device: torch's name.
        announce: called with the page's address when it is there.

    Raises:
        OSError: the port is taken.
    """
    import socket

    import uvicorn

    with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        service = Service(Workspace(), limits, weights, device)
        try:
            app = make_server(service, auth=auth, local=host in LOCAL)
            shown = f"[{host}]" if ":" in host else host
            announce(f"http://{shown}:{listening.getsockname()[1]}/")
            config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            service.close()
