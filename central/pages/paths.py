"""Where the operators' pages lie, for who leads there."""

from __future__ import annotations

HOME = "/operators"
SIGN_IN = f"{HOME}/sign-in"
FACTOR = f"{SIGN_IN}/factor"
ACCOUNT = f"{HOME}/account"
ENROL = f"{ACCOUNT}/app"
CONFIRM = f"{HOME}/confirm"
