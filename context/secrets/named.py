"""Values that are secret by the name they are given: owns what such names are and what only looks like a value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log2
from typing import Literal

Strength = Literal["strong", "weak", "none"]
"""How much a name says: after a strong one any value is a secret that does not look like something else."""

_HEADS = frozenset(
    (
        *("password", "passwd", "passwort", "passphrase", "passcode", "pwd", "passwords", "identified"),
        *("secret", "secrets", "apikey", "apitoken", "secretkey", "accesskey", "authtoken", "privatekey"),
        *("authkey", "appkey", "appsecret", "clientsecret", "accesstoken", "refreshtoken", "apisecret"),
    )
)
"""Last words of names whose value is a secret."""

_BEFORE_KEY = frozenset(
    (
        *("api", "access", "secret", "private", "encryption", "encrypt", "encrypted", "signing", "master", "auth"),
        *("account", "storage", "shared", "subscription", "license", "admin", "app", "application", "deploy", "jwt"),
        *("webhook", "hmac", "session", "cipher", "aes", "client", "consumer", "integration", "ingest", "dd"),
    )
)
_BEFORE_TOKEN = frozenset(
    (
        *("api", "access", "auth", "refresh", "bearer", "bot", "session", "personal", "deploy", "oauth", "security"),
        *("secret", "private", "app", "user", "service", "vault", "slack", "github", "gitlab", "npm", "pypi", "admin"),
        *("ci", "push", "registry", "webhook", "verification", "account", "telegram", "discord", "login", "device"),
    )
)
_BEFORE_PASS = frozenset(
    (
        *("db", "database", "user", "smtp", "mail", "email", "imap", "mysql", "pg", "postgres", "redis", "mongo"),
        *("root", "admin", "ftp", "ssh", "sudo", "ldap", "proxy", "http", "login", "auth", "rabbitmq", "key"),
    )
)
_WEAK_HEADS = frozenset(("token", "key", "auth", "credential", "credentials", "salt", "tokens"))
_AFTER_HEAD = frozenset(
    (
        *(
            "prod",
            "production",
            "dev",
            "development",
            "test",
            "testing",
            "stage",
            "staging",
            "live",
            "local",
            "default",
        ),
        *("value", "val", "string", "str", "old", "new", "current", "previous", "backup", "primary", "secondary"),
        *("plain", "plaintext", "raw", "base64", "b64", "env"),
    )
)
"""Words that may follow a head and leave its meaning."""

_BEFORE_VALUE = ("ENV", "ARG", "setenv", "SetEnv", "set", "export")
"""After these a value needs no quotes."""

_PARTS = ("pass", "pwd", "secret", "token", "key", "cred", "auth", "salt", "identified")
"""A line in which none of these stands names no secret."""

_PART = re.compile("|".join(_PARTS))
_HEAD = re.compile(rf"(?:{_PART.pattern})[\w.$-]{{0,80}}")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$-")
_MAX_NAME_CHARS = 80
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

_BARE = r"[^\s\"'`;,&<>(){}\[\]|\\]"
_VALUE = re.compile(
    rf"""
    (?:\[\d{{0,5}}\])?+ (?:\\?["'`])?+                                        # what closes the name itself
    (?:
        \s{{0,8}},?\s{{0,8}} ["']?[Vv]alue["']? \s?[:=]\s? ["'](?P<attribute>[^"'\n]{{1,512}})
      | \s?\]?
        (?: \s?:\s?[&'\w.<>\[\]|?*]{{1,40}} (?:\s\w{{1,20}})? (?=\s?=) )?   # its type
        (?: \s{{0,30}}(?P<separator>=>|:=|={{1,3}}|!==?|[:,])\s{{0,30}} | \( | \s{{1,30}}(?:(?:BY|by)\s{{1,4}})? )
        (?:(?:String::from|SecretStr|Secret|str|bytes|Buffer\.from|(?:\w{{1,8}}\.)?b64decode)\()?
        [A-Za-z&@$]{{0,2}} (?P<quote>\\?["'`])
        (?P<quoted>(?:(?!(?P=quote))[^\\\n]|\\[^"'`\n]){{0,512}})
      | =(?P<whole>[^\s"'`$][^\s"'`$]{{5,512}})$                                # only of a line of a configuration
      | \s{{0,8}} [:=] \s{{0,8}} (?P<bare>{_BARE}{{6,512}}) (?=[\s;,&<"'`\\]|$)
      | > \s{{0,8}} (?P<element>[^<>\s]{{1,512}}) (?=\s{{0,8}}</)
      | \s{{1,4}} (?P<argument>{_BARE}{{6,512}}) (?=\s|$)                     # only of an option or an ENV line
    )
    """,
    re.VERBOSE,
)

_SURELY_RANDOM_CHARS = 32
_PLACEHOLDER = re.compile(
    r"""(?ix)
    REDACTED | EXAMPLE | x{4} | ^x{3} | x{3}$ | \*\*\* | \.\.\. | … | 0000000 | 1234567890$ | ^(.)\1+$
    | (?:your|insert|enter|put|add|replace|fill|change)[\w-]{0,6}[-_\s.]?
      (?:me|this|here|key|token|secret|pass|pwd|api|own|value|client|access|auth|account)
    | place.?holder | dummy | fake | sample | foobar | ^(?:todo|tbd|none|null|undefined|redacted|removed|hidden|masked)
    | ^<.*>$ | ^\[.*\]$ | ^\{.*\}$ | ^%.*%$ | ^__.*__$ | ^@[\w.]+[/@] | -here$ | _here$
    """
)
_TEMPLATE = re.compile(
    r"""(?x)
    \$\{ | \$\( | \{\{ | \}\} | <% | %\( | \#\{ | %[sdvrq]\b | \{[^{}\s]{0,60}\} | ^\$[\w:]+ | \$\w+$  # filled in later
    | &\#?\w{1,8}; | \\x[0-9a-f]{2}                                                                   # escapes
    | \][+*?{] | \\[dwsSDWb(] | \(\?                                                                  # patterns
    """
)
_ELSEWHERE = re.compile(
    r"^(?:[a-z][a-z0-9+.-]{1,20}:|[~.]{0,2}/|[A-Za-z]:\\|\w+@[\w-]+\.|#/|arn:|\w+/\w+/)|\.[a-z]{2,4}$"
)
"""Addresses and paths: where a secret is, not what it is. Passwords in addresses are known by their form."""

_WORDS = re.compile(r"^[\W_]*(?:[A-Za-z]*|(?:[A-Za-z]+[-_.:/+]+)+[A-Za-z]+\d{0,2})[\W_]*$")
"""Words of letters, however they are joined, where there are more than one with at most a number at their end."""

_CODE = re.compile(
    r"^[A-Za-z_$][\w$]*(?:(?:\.|::|->|\?\.)[A-Za-z_$][\w$]*)*[!?]?$|^[-+*/%^!=.]|^0x[0-9A-Fa-f]{1,16}$|^[\d.]+$"
)
_PASSWORD_NAME = re.compile(r"(?i)(?:password|passwd|passphrase|pwd)[\d_]{0,3}$")
_NUMBER = re.compile(r"^[A-Za-z]{4,}\d{3,}\w{0,3}!?$")
_UUID = re.compile(r"(?:^|:)[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$")
_LOWER_HEX = re.compile(r"^(?:sha\d+[-:])?[0-9a-f]+$")


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value from `start` to `end` of a line, after a name that says how likely it is a secret."""

    value: str
    start: int
    end: int
    strength: Strength
    name: str
    is_quoted: bool
    has_comma: bool = False

    @property
    def is_secret(self) -> bool:
        """Whether the value looks like one, not like a placeholder, a word, an address or code."""
        value = self.value
        if len(value) < 6 or any(char.isspace() for char in value) or is_placeholder(value):
            return False
        is_random = looks_random(value)
        if not (is_random and len(value) >= _SURELY_RANDOM_CHARS) and _means_something(value):
            return False
        if self.strength == "weak":
            return is_random and len(value) >= 20 and not self._is_hash
        if self.has_comma or not self.is_quoted:
            return is_random or (_has_letter_and_digit(value) and not _WORDS.match(value) and not _is_code(value))
        return not _WORDS.match(value) or self._is_word_for_password

    @property
    def may_become_secret(self) -> bool:
        """Whether more typing can make a secret of it."""
        if self.strength != "strong" or not self.is_quoted:
            return self.is_secret
        return not any(char.isspace() for char in self.value) and not _TEMPLATE.search(self.value)

    @property
    def _is_word_for_password(self) -> bool:
        """A single word is a password only where nothing else could be meant."""
        return bool(_PASSWORD_NAME.search(self.name) and self.value.isalpha() and not _HEAD.search(self.value.lower()))

    @property
    def _is_hash(self) -> bool:
        is_token = self.name.lower().endswith("token")
        return bool(_UUID.search(self.value)) or (not is_token and bool(_LOWER_HEX.match(self.value)))


def named_values(line: str) -> Iterator[NamedValue]:
    """The values in a line whose names say that they may be secrets."""
    lowered = line.lower() if line.isascii() else line.translate(_LOWER)  # as long as the line itself
    if not _PART.search(lowered):
        return
    for head in _HEAD.finditer(lowered):
        start = head.start()
        while start > 0 and head.start() - start < _MAX_NAME_CHARS and line[start - 1] in _NAME_CHARS:
            start -= 1
        name = line[start : head.end()]
        strength = strength_of(name)
        found = _VALUE.match(line, head.end()) if strength != "none" else None
        if found is None or found.lastgroup is None:
            continue
        group, before = found.lastgroup, line[:start].strip()
        if group == "argument" and not (name.startswith("--") or before in _BEFORE_VALUE):
            continue
        if group == "whole" and before not in ("", "-", "#", *_BEFORE_VALUE):
            continue
        if group == "element" and line[start - 1 : start] != "<":
            continue
        is_quoted = group in ("quoted", "attribute", "element") or before in _BEFORE_VALUE
        yield NamedValue(found[group], *found.span(group), strength, name, is_quoted, found["separator"] == ",")


@lru_cache(maxsize=4096)
def strength_of(name: str) -> Strength:
    """What a name says of its value, by its last words: `password_hash` and `secret_name` say nothing."""
    words = [word.lower() for word in _WORD.findall(name[-_MAX_NAME_CHARS:])]
    while len(words) > 1 and (words[-1] in _AFTER_HEAD or words[-1].isdigit()):
        words.pop()
    if not words:
        return "none"
    before = words[-2] if len(words) > 1 else ""
    if words[-1] in _HEADS or (words[-1] == "pass" and before in _BEFORE_PASS):
        return "strong"
    if (words[-1] == "key" and before in _BEFORE_KEY) or (words[-1] in ("token", "tok") and before in _BEFORE_TOKEN):
        return "strong"
    return "weak" if words[-1] in _WEAK_HEADS else "none"


def _means_something(value: str) -> bool:
    """Whether the value is filled in later, or is an address."""
    return bool(_TEMPLATE.search(value) or _ELSEWHERE.search(value))


def _is_code(value: str) -> bool:
    """Whether the value, which has no quotes, is an expression; few names have a number of three digits."""
    return bool(_CODE.match(value)) and not _NUMBER.search(value)


def is_placeholder(value: str) -> bool:
    """Whether the value stands for one that is elsewhere, or for none."""
    return bool(_PLACEHOLDER.search(value)) or len(set(value)) < 4


def looks_random(value: str) -> bool:
    """Whether nobody would have chosen the value: kinds of characters take turns, and few characters come twice."""
    kinds = [_kind(char) for char in value]
    changes = sum(one != two and _JOINT not in (one, two) for one, two in pairwise(kinds))
    counts = Counter(value)
    entropy = -sum(n / len(value) * log2(n / len(value)) for n in counts.values())
    if not any(char.isdigit() for char in value):
        return False
    return changes / len(value) >= (0.2 if len(value) >= 16 else 0.25) and entropy >= min(2.8, log2(len(value)) - 1)


_JOINT = 4


def _kind(char: str) -> int:
    """0 to 2 for digits and letters, 3 for marks; what joins words in names, paths and code is no kind of its own."""
    if char in "._-/\\:(){}":
        return _JOINT
    return 0 if char.isdigit() else 1 if char.islower() else 2 if char.isupper() else 3


def _has_letter_and_digit(value: str) -> bool:
    return any(char.isdigit() for char in value) and any(char.isalpha() for char in value)
