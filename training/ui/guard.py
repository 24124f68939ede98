"""Who may ask: pages that came from here, under a name of this machine. Other sites a user has open may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

OWN = (None, "same-origin", "none")
"""What Sec-Fetch-Site says of requests by our own page, by a person, and by programs that are no browser."""
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; sandbox allow-scripts"
)
"""A report is one file with its styles and script in it; names in it come from data sets, so it is kept apart."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def guard(app: FastAPI, names: Sequence[str]) -> None:
    """Let ``app`` answer under ``names`` only, and to no page of another origin; nothing is left in caches."""

    @app.middleware("http")
    async def check(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request) if _is_own(request) else _refuse()
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    # Added last, asked first. Against DNS rebinding: a foreign page whose name was pointed at this machine.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(names), www_redirect=False)


def _is_own(request: Request) -> bool:
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{request.headers['host']}":
        return False
    return not request.url.path.startswith("/api") or request.headers.get("sec-fetch-site") in OWN


def _refuse() -> Response:
    return JSONResponse({"detail": "requests of other pages are refused"}, 403)
