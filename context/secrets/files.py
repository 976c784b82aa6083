"""Files of which nothing is ever sent: owns the names they go by; reads no file and knows no policy."""

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
    "**/.config/gh/",
    "**/.config/rclone/",
    "**/.config/sops/",
    "**/.config/hub",
    "**/.docker/config.json",
    "**/.cargo/credentials*",
    "**/.gem/credentials",
    "**/.huggingface/token",
    "**/.m2/settings*.xml",
    "**/.terraform.d/credentials*",
    "**/.minikube/",
    "**/.password-store/",
    "**/etc/shadow*",
    "**/run/secrets/",
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
    "pgpass.conf",
    ".my.cnf",
    ".mylogin.cnf",
    ".pg_service.conf",
    ".htpasswd",
    ".htdigest",
    ".s3cfg",
    ".boto",
    ".passwd-s3fs",
    ".rediscli*",
    ".bash_history",
    ".zsh_history",
    ".psql_history",
    ".mysql_history",
    ".python_history",
    ".node_repl_history",
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
    "secrets.env",
    "*.secret",
    "*.secrets",
    "*.secret.y*ml",
    "*.secrets.y*ml",
    "credentials.y*ml.enc",
    "local.settings.json",
    "appsettings.secrets.json",
    "google-services.json",
    "GoogleService-Info.plist",
    "*.publishsettings",
    "wp-config.php",
    "wallet.dat",
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
    "id_ecdsa_sk*",
    "ssh_host_*_key",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.p8",
    "*.pk8",
    "*.pvk",
    "*.snk",
    "*.jks",
    "*.jceks",
    "*.bcfks",
    "*.keystore",
    "*.keychain",
    "*.keychain-db",
    "*.mobileprovision",
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
