"""Single sign-on by OpenID Connect: who the provider says somebody is, and which account that is.

The code flow with PKCE, state and nonce is authlib's; what it leaves open is checked here: that the
provider is the one that is set, that the token is for this server and signed with a public key, and
that the e-mail address is one that the provider has verified.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError
from sqlalchemy import Connection, select, update
from starlette.requests import Request

from central import schema
from central.areas import grants, tree
from central.areas.visible import EVERYWHERE, RANK, Grant
from central.context import Central, alarm, alarm_daily, audit
from central.errors import RequestError
from central.operators import accounts
from central.settings import SingleSignOn
from central.tokens import token_hash

LOG = logging.getLogger("central.single_sign_on")
TIMEOUT_S = 10
SIGNED_BY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Algorithms with a public key: nobody who knows the client's secret makes a token."""
_FAILED = (AuthlibBaseError, JoseError, httpx2.HTTPError, ValueError, TypeError, LookupError)
"""What a provider that answers wrongly, or not at all, ends with."""


class ProviderError(Exception):
    """The provider did not say who it is; the message says why."""


class RefusedError(Exception):
    """Whoever the provider says it is does not sign in here; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the provider knows them."""

    subject: str
    """Who they are at their provider, for ever; some say it by an address, so it is kept hashed."""
    email: str
    """An address that the provider has verified, or nothing."""
    name: str
    roles: frozenset[str]
    """What the claim for roles says."""


class Provider:
    """The provider of the settings."""

    def __init__(self, rules: SingleSignOn) -> None:
        self._rules = rules
        self._client: Any = OAuth().register(
            "provider",
            client_id=rules.client_id,
            client_secret=rules.client_secret,
            server_metadata_url=f"{rules.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": rules.scope,
                "code_challenge_method": "S256",
                "timeout": TIMEOUT_S,
                "leeway": 0,  # some providers' tokens are good for a minute only
            },
        )

    async def _discovered(self) -> dict[str, Any]:
        metadata: dict[str, Any] = await self._client.load_server_metadata()
        if metadata.get("issuer") != self._rules.issuer:
            self._client.server_metadata.clear()
            raise ProviderError(
                f"the provider calls itself {metadata.get('issuer')!r},"
                f" single_sign_on.issuer is {self._rules.issuer!r}: they must be the same"
            )
        said = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [
            each for each in said if each in SIGNED_BY
        ]
        return metadata

    async def begin(self, request: Request, redirect_uri: str) -> str:
        """Where to send the browser; what has to come back is left in the request's session.

        Raises `ProviderError`."""
        try:
            await self._discovered()
            answer = await self._client.authorize_redirect(request, redirect_uri)
        except _FAILED as error:
            raise ProviderError(f"{type(error).__name__}: {error}") from error
        return str(answer.headers["location"])

    async def finish(self, request: Request) -> Person:
        """Who came back, by the code in the address and the request's session.

        Raises `ProviderError`."""
        query = request.query_params
        if "error" not in query and not (query.get("code") and query.get("state")):
            raise ProviderError("the address has neither a code nor an error")
        if query.get("iss", self._rules.issuer) != self._rules.issuer:
            raise ProviderError(f"the answer is of another provider, {query['iss']!r}")
        try:
            metadata = await self._discovered()
            token = await self._client.authorize_access_token(request)
            claims = dict(token.get("userinfo") or {})
            self._require_for_us(claims)
            if "email" not in claims and metadata.get("userinfo_endpoint"):
                more = dict(await self._client.userinfo(token=token))
                if more.get("sub") != claims["sub"]:
                    raise ProviderError("the provider's userinfo is of somebody else")
                claims = more | claims
        except _FAILED as error:
            raise ProviderError(f"{type(error).__name__}: {error}") from error
        return self._person(claims)

    def _require_for_us(self, claims: dict[str, Any]) -> None:
        """Raises `ProviderError` for a token of another client."""
        if not claims:
            raise ProviderError("the provider gave no ID token")
        audience = claims.get("aud")
        if self._rules.client_id not in (audience if isinstance(audience, list) else [audience]):
            raise ProviderError(f"the token is for {audience!r}")
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise ProviderError("the token has no subject")

    def _person(self, claims: dict[str, Any]) -> Person:
        email = claims.get("email")
        is_verified = claims.get("email_verified") is True and isinstance(email, str)
        name = claims.get("name")
        return Person(
            subject=token_hash(f"{self._rules.issuer} {claims['sub']}"),
            email=str(email) if is_verified else "",
            name=name if isinstance(name, str) else "",
            roles=_texts(claims, self._rules.role_claim),
        )


def _texts(claims: dict[str, Any], name: str) -> frozenset[str]:
    """What a claim says: one text or several, also one inside others, like `realm_access.roles`."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    several = found if isinstance(found, list) else [found]
    return frozenset(each for each in several if isinstance(each, str))


# --- whose account -----------------------------------------------------------------------------


def account_of(
    connection: Connection, central: Central, rules: SingleSignOn, person: Person
) -> Any:
    """The row of the account that somebody signs in to; one that the settings' roles let in gets
    one made. Raises `RefusedError`."""
    given = _grants(rules, person)
    accounts.lock_accounts(connection)
    table = schema.user
    of_subject = select(table).where(table.c.provider_subject == person.subject)
    row = connection.execute(of_subject).first()
    if row is None:
        row = _linked(connection, central, person, given)
    if row.disabled_ms is not None:
        raise RefusedError("disabled")
    if given is not None:
        _set_grants(connection, central, row, given)
    return connection.execute(of_subject).one()


def _grants(rules: SingleSignOn, person: Person) -> list[Grant] | None:
    """What somebody may by the settings, and where: of each place the most. None where these leave
    it to accounts."""
    if not rules.role_claim:
        return None
    found: dict[str, Grant] = {}
    for each in (grants.read(rules.roles[name]) for name in person.roles if name in rules.roles):
        known = found.get(each.area)
        if known is None or RANK[known.role] < RANK[each.role]:
            found[each.area] = each
    if not found:
        raise RefusedError("no-role")
    return sorted(found.values())


def _linked(
    connection: Connection, central: Central, person: Person, given: list[Grant] | None
) -> Any:
    """The account with the person's address, theirs from now on; or one that is made."""
    if not person.email:
        raise RefusedError("unverified")
    table, now_ms = schema.user, central.clock.now_ms()
    row = accounts.find(connection, person.email)
    if row is None:
        if given is None:
            raise RefusedError("no-account")
        try:
            subject = person.subject
            name = person.name if person.name.isprintable() else ""
            by, email = "single sign-on", person.email
            known = _known(connection, central, email, given)
            accounts.add(connection, central, by, email, name, known, provider_subject=subject)
        except RequestError as error:
            raise RefusedError("disabled") from error
    elif row.provider_subject is not None:
        raise RefusedError("other-identity")
    else:
        connection.execute(
            update(table).where(table.c.id == row.id).values(provider_subject=person.subject)
        )
        audit(connection, now_ms, "single sign-on", "user.link", row.email)
    return connection.execute(select(table).where(table.c.provider_subject == person.subject)).one()


def _set_grants(connection: Connection, central: Central, row: Any, given: list[Grant]) -> None:
    known = _known(connection, central, row.email, given)
    try:
        with connection.begin_nested():
            accounts.set_grants(connection, central, "single sign-on", row.id, known)
    except RequestError:
        roles = [str(each) for each in known]
        LOG.warning("the provider would make the only administrator %s %s", row.email, roles)
        now_ms = central.clock.now_ms()
        alarm(connection, now_ms, "account.last_admin", row.email, grants=roles)


def _known(connection: Connection, central: Central, email: str, given: list[Grant]) -> list[Grant]:
    """Those of somebody's grants whose areas there are; a setting that names another is alarmed,
    and gives nothing. Raises `RefusedError`."""
    areas = {EVERYWHERE, *(row["id"] for row in tree.listed(connection))}
    for each in given:
        if each.area not in areas:
            now_ms = central.clock.now_ms()
            alarm_daily(connection, now_ms, "account.no_area", email, grant=str(each))
    known = [each for each in given if each.area in areas]
    if not known:
        raise RefusedError("no-role")
    return known
