"""Security headers of every answer that the portal gives.

Rule: no inline script or style, nothing from anywhere else, no framing; what a signed-in person sees is not stored.
Scripts run by a nonce of the request, which htmx checks as well before it obeys an attribute.
"""

import secrets

from flask import Flask, Response, g, request

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'nonce-{nonce}'",
        "style-src 'self'",
        "img-src 'self' data:",  # Tabler draws its check marks and arrows with data: images
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types htmx",
    )
)
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
TRANSPORT_SECURITY = "max-age=31536000"
FOREVER = "public, max-age=31536000, immutable"


def nonce() -> str:
    """The nonce of this request."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return g.nonce


def install(app: Flask, *, is_https: bool) -> None:
    @app.after_request
    def add(response: Response) -> Response:
        response.headers.update(ALWAYS)
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(nonce=nonce())
        if is_https:
            response.headers["Strict-Transport-Security"] = TRANSPORT_SECURITY
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        elif "v" in request.args and response.status_code == 200:
            # The address carries the sum of the file: what it names never changes.
            response.headers["Cache-Control"] = FOREVER
        return response
