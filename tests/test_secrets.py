"""Files of which nothing is sent."""

from __future__ import annotations

import pytest

from context.secrets import is_refused


def check_refused(path: str, *, refused: bool, whole_path: str = "", further: tuple[str, ...] = ()) -> None:
    assert is_refused(path, whole_path, further) is refused


@pytest.mark.parametrize(
    "path",
    [
        ".env", ".env.production", "deploy/prod.env", "web/.ENV.local", "id_rsa", "keys/id_ed25519", "server.key",
        "certs/ca.PEM", "store.jks", "a/b/.netrc", ".npmrc", ".aws/credentials", "home/.kube/config", "prod.tfvars",
        "config/master.key", "gcp/service-account-prod.json", ".ssh/config", "secrets.yaml", ".git-credentials",
        ".pgpass", "db/.htpasswd", "id_rsa_backup", "signing.pfx", "release.p12", "terraform.tfstate",
        "prod.tfstate.backup", "kubeconfig", ".bash_history", "local.settings.json", "keys.kdbx",
        "a/.cargo/credentials.toml",
        "ssh_host_rsa_key", "app.keystore", "wp-config.php", "k8s/db.secret.yaml", ".vault-token", "key.age",
    ],
)  # fmt: skip
def test_secrets_are_known_by_their_names(path: str) -> None:
    check_refused(path, refused=True)


@pytest.mark.parametrize(
    "path",
    [
        "main.py",
        "environment.py",
        "env.py",
        ".env.example",
        "src/keyboard.ts",
        "id_rsa.pub",
        "monkey.py",
        "pem.go",
        "",
        "secrets.py",
        "credentials_view.tsx",
        "settings.xml",
        "token.ts",
        "history.py",
        "tfstate.go",
        ".yarnrc.yml",
    ],
)
def test_ordinary_files_are_not(path: str) -> None:
    check_refused(path, refused=False)


def test_further_patterns_refuse_more_and_cannot_allow() -> None:
    check_refused("legal/contract.txt", refused=True, further=("legal/",))
    check_refused(".env", refused=True, further=("!.env",))


def test_a_folder_of_keys_is_known_when_it_is_opened_itself() -> None:
    check_refused("config", whole_path="/home/ada/.kube/config", refused=True)
    check_refused("config", whole_path="/home/ada/project/config", refused=False)
