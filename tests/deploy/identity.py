"""A company's identity provider, for tests: owns made-up keys and the tokens signed with them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

ISSUER = "https://login.example.com/"
AUDIENCE = "instant"
SHARED_SECRET = "a-shared-secret-of-the-tests-0123456789abcdef"


class Key:
    """One signing key and its public half, as a PEM file of the gateway."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.private: RSAPrivateKey = generate_private_key(public_exponent=65_537, key_size=2_048)
        self.public_pem = self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def write(self, folder: Path) -> None:
        """Puts the public half where keys.cfg looks for it."""
        (folder / f"{self.kid}.pem").write_bytes(self.public_pem)


def claims(user: str, role: str | None, **changed: Any) -> dict[str, Any]:
    """What a token of a well-kept provider says; None takes a claim out."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": user, "role": role, "iat": now, "exp": now + 3_600} | changed
    return {name: value for name, value in said.items() if value is not None}


def rs256(key: Key, said: dict[str, Any], **header: Any) -> str:
    """A token signed with a private key."""
    return jwt.encode(said, key.private, "RS256", headers={"kid": key.kid} | header)


def hs256(said: dict[str, Any], secret: str = SHARED_SECRET, kid: str = "shared") -> str:
    """A token signed with a shared secret."""
    return jwt.encode(said, secret, "HS256", headers={"kid": kid})
