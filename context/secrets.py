"""What must never be sent: owns the list of files that are secrets by their name; knows no policy about why."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

REFUSED_FOLDERS = (
    "**/.ssh/",
    "**/.gnupg/",
    "**/.aws/",
    "**/.azure/",
    "**/.kube/",
    "**/.config/gcloud/",
    "**/.docker/config.json",
    "**/.password-store/",
)
"""Places of which nothing may be sent wherever the opened folder begins."""

REFUSED = (
    # environments and local configuration that holds credentials by custom
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".git-credentials",
    ".dockercfg",
    "kubeconfig",
    "*.kubeconfig",
    "application_default_credentials.json",
    "credentials",
    "credentials.*",
    "*credentials*.json",
    "client_secret*.json",
    "service-account*.json",
    "service_account*.json",
    "secrets.y*ml",
    "secrets.json",
    "secrets.toml",
    "*.secret",
    "*.secrets",
    "*.tfvars",
    "*.tfvars.json",
    "*.tfstate",
    "*.tfstate.backup",
    "vault.y*ml",
    ".vault-token",
    ".vault_pass*",
    "master.key",
    # keys and key stores
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.p8",
    "*.jks",
    "*.keystore",
    "*.truststore",
    "*.kdb",
    "*.kdbx",
    "*.ppk",
    "*.asc",
    "*.gpg",
    "*.ovpn",
    "*.age",
    # what is made to be shared
    "!.env.example",
    "!.env.sample",
    "!.env.template",
    "!.env.dist",
    "!*.pub",
)
"""Patterns as in .gitignore, compared without regard to case; a later one overrides an earlier one."""


def is_refused(path: str, whole_path: str = "", further: tuple[str, ...] = ()) -> bool:
    """Whether nothing of the file may be sent.

    `path` is relative to the opened folder and `whole_path` from the root on, both POSIX style;
    `further` adds patterns that always refuse.
    """
    name = path.lower().lstrip("/")
    return (
        _spec(REFUSED).match_file(name)
        or _spec(REFUSED_FOLDERS).match_file((whole_path or path).lower().lstrip("/"))
        or bool(further and _spec(further).match_file(name))
    )


@lru_cache(maxsize=8)
def _spec(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  off the start-up path

    return GitIgnoreSpec.from_lines(pattern.lower() for pattern in patterns)
