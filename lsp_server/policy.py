"""What the company has decided for this machine: owns the policy file and what it lets roles do; enforces nothing.

The file lies where administrators alone may write. Neither an option nor a variable of the environment moves it, and
what it sets goes before whatever the user, the editor or a repository says. A policy that cannot be believed, or not
understood in whole, is not followed in part: its `trouble` says why, and nothing is sent until it is right.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lsp_server.options import Offered, Settings
from lsp_server.protected import UnprotectedError, read_protected

Tier = Literal["instant", "thinking"]

EVERY_FEATURE: frozenset[Offered] = frozenset(("completion", "explain", "fix", "tests"))
EVERY_TIER: frozenset[Tier] = frozenset(("instant", "thinking"))


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may ask for; `role` is the name, or the names joined by a plus sign, for the audit trail."""

    role: str = ""
    features: frozenset[Offered] = EVERY_FEATURE
    tiers: frozenset[Tier] = EVERY_TIER


NOTHING = Grant("", frozenset(), frozenset())


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Role(_Strict):
    """What one role may do."""

    features: tuple[Offered, ...]
    tiers: tuple[Tier, ...]


class Access(_Strict):
    """Which roles there are: `claim` is where the token names them, `default` the role of who has none of them."""

    claim: str = "roles"
    default: str | None = None
    roles: dict[str, Role]


class _File(_Strict):
    settings: dict[str, Any] = {}
    access: Access | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What was read: `place` is "" where there is none, `settings` is nested like the user's own file."""

    place: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    access: Access | None = None
    trouble: str = ""

    def grant(self, claims: Mapping[str, Any]) -> Grant:
        """What the token with these claims may ask for; of several roles each gives what it has."""
        if self.trouble:
            return NOTHING
        if self.access is None:
            return Grant("+".join(_names(claims, "roles")))
        held = [name for name in self.access.roles if name in _names(claims, self.access.claim)]
        if not held and self.access.default is not None:
            held = [self.access.default]
        roles = [self.access.roles[name] for name in held]
        features = frozenset(feature for role in roles for feature in role.features)
        return Grant("+".join(held), features, frozenset(tier for role in roles for tier in role.tiers))


def policy_file() -> Path:
    """Where the policy lies on this system."""
    if sys.platform == "darwin":
        return Path("/Library/Application Support/instant-lsp/policy.toml")
    if sys.platform == "win32":
        return _common_folder() / "instant-lsp" / "policy.toml"
    return Path("/etc/instant-lsp/policy.toml")


def read_policy(path: Path | None = None, *, owner: int = 0) -> Policy:
    """The policy of this machine, or at `path`, which `owner` may have written besides root."""
    path = path or policy_file()
    try:
        text = read_protected(path, owner)
        return _understood(path, _File.model_validate(tomllib.loads(text)))
    except FileNotFoundError:
        return Policy()
    except UnprotectedError as error:
        return _refused(path, str(error))
    except OSError as error:
        return _refused(path, error.strerror or type(error).__name__)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return _refused(path, f"it is no TOML: {error}")
    except ValidationError as error:
        return _refused(path, _first_fault(error))


def _understood(path: Path, file: _File) -> Policy:
    """The policy, if its settings and its default role are known; raises ValidationError for the former."""
    try:
        Settings.model_validate(file.settings)
    except ValidationError as error:
        return _refused(path, f"settings.{_first_fault(error)}")
    if file.access is not None and file.access.default not in (None, *file.access.roles):
        return _refused(path, f"access.default: there is no role {file.access.default}")
    return Policy(str(path), file.settings, file.access)


def _refused(path: Path, reason: str) -> Policy:
    return Policy(str(path), trouble=f"Nothing is sent, since the policy {path} cannot be followed: {reason}.")


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"


def _names(claims: Mapping[str, Any], claim: str) -> list[str]:
    """The roles that a token names: a list, or words of one text, at a key or at a dotted path of keys."""
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for key in claim.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = found.replace(",", " ").split()
    return [one for one in found if isinstance(one, str)] if isinstance(found, list | tuple) else []


def _common_folder() -> Path:
    """By Windows' own record, since a variable of the environment could name any folder."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415  exists on Windows alone

        key = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders"
        with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as folders:
            return Path(str(winreg.QueryValueEx(folders, "Common AppData")[0]))
    return Path(r"C:\ProgramData")
