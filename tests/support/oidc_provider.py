"""A provider of OpenID Connect, as a process of its own on loopback, and with faults on request.

`python -m tests.support.oidc_provider PORT`. Whoever comes is signed in at once, as the person who
was set last by `POST /next`; that may also say what the provider does wrong.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import urlencode

import requests
import uvicorn
from fastapi import FastAPI, Form, Header, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from tests.support.server_process import ROOT

CLIENT, SECRET = "lockers", "a secret of the client that is long enough for HS256"
KIM = {"sub": "kim-1", "email": "kim@example.org", "email_verified": True, "name": "Kim Larsen"}


def make_app(issuer: str) -> FastAPI:
    """The provider's pages."""
    app = FastAPI()
    key, stranger = (RSAKey.generate_key(2048, {"kid": "one"}) for _ in range(2))
    codes: dict[str, dict[str, str]] = {}
    state: dict[str, Any] = {"person": KIM, "fault": "", "only_userinfo": False}

    @app.post("/next")
    async def set_next(request: Request) -> Response:
        state.update({"fault": "", "only_userinfo": False, **await request.json()})
        return JSONResponse({})

    @app.get("/.well-known/openid-configuration")
    async def discovery() -> dict[str, Any]:
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/jwks",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "code_challenge_methods_supported": ["S256"],
        }

    @app.get("/jwks")
    async def jwks() -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False)]}

    @app.get("/authorize")
    async def authorize(request: Request) -> Response:
        query = dict(request.query_params)
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        if state["fault"] == "denied":
            back = {"error": "access_denied", "state": query["state"]}
        else:
            code = f"code-{len(codes)}"
            codes[code] = query
            back = {"code": code, "state": query["state"]}
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(back)}", 302)

    @app.post("/token")
    async def token(
        code: Annotated[str, Form()],
        redirect_uri: Annotated[str, Form()],
        code_verifier: Annotated[str, Form()],
        authorization: Annotated[str, Header()] = "",
    ) -> Response:
        asked = codes.pop(code, None)
        challenge = urlsafe_b64encode(sha256(code_verifier.encode()).digest()).decode().rstrip("=")
        is_right = (
            asked is not None
            and asked["code_challenge"] == challenge
            and asked["redirect_uri"] == redirect_uri
            and authorization.startswith("Basic ")
        )
        if not is_right or asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        said = {"access_token": "access", "token_type": "Bearer", "expires_in": 60}
        if state["fault"] != "no token":
            said["id_token"] = _token(issuer, asked["nonce"], state, key, stranger)
        return JSONResponse(said)

    @app.get("/userinfo")
    async def userinfo() -> dict[str, Any]:
        sub = {"sub": "somebody-else"} if state["fault"] == "other userinfo" else {}
        return {**state["person"], **sub}

    return app


def _token(issuer: str, nonce: str, state: dict[str, Any], key: RSAKey, stranger: RSAKey) -> str:
    now, fault = int(time.time()), state["fault"]
    person = state["person"]
    if state["only_userinfo"]:
        person = {"sub": person["sub"]}
    claims = {
        "iss": issuer,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 60,
        "nonce": nonce,
        **person,
    }
    faults: dict[str, dict[str, Any]] = {
        "issuer": {"iss": "https://evil.example"},
        "audience": {"aud": "another-client", "azp": CLIENT},
        "expired": {"iat": now - 7200, "exp": now - 3600},
        "nonce": {"nonce": "of-another-browser"},
        "no subject": {"sub": ""},
    }
    claims |= faults.get(fault, {})
    if fault == "no nonce":
        del claims["nonce"]
    if fault == "unsigned":
        head = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
        body = jwt.encode({"alg": "RS256"}, claims, key).split(".")[1]
        return f"{head}.{body}."
    if fault == "by the secret":
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
    signer = stranger if fault == "another key" else key
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, signer)


@contextmanager
def running_provider() -> Iterator[str]:
    """The issuer of a provider that runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    issuer = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tests.support.oidc_provider", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        end_s = time.monotonic() + 60
        while True:
            try:
                requests.get(f"{issuer}/jwks", timeout=5)
                break
            except requests.ConnectionError:
                assert time.monotonic() < end_s, "the provider did not start"
                time.sleep(0.05)
        yield issuer
    finally:
        process.terminate()
        process.wait(20)


def set_next(issuer: str, fault: str = "", **more: Any) -> None:
    """Who signs in next, and what the provider does wrong."""
    person = {**KIM, **more.pop("person", {})}
    state = {"person": person, "fault": fault, **more}
    assert requests.post(f"{issuer}/next", json=state, timeout=20).ok


if __name__ == "__main__":
    where = int(sys.argv[1])
    uvicorn.run(make_app(f"http://127.0.0.1:{where}"), port=where, log_level="warning")
