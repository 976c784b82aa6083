"""Secrets that open nothing: real forms filled at random by a seeded generator, in lines of several languages.

None of them is written down here, since scanners rightly stop a commit that holds one. The forms are
those of the issuers' documentation, not of the rules they test.
"""

from __future__ import annotations

import base64
import json
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "-_"
BASE64 = ALNUM + "+/"
BASE32 = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class Sown:
    """One secret in a line of code; `text` is the line, or the few lines that belong together."""

    kind: str
    language: str
    secret: str
    text: str


def chars(alphabet: str, n: int) -> Callable[[Random], str]:
    return lambda random: "".join(random.choices(alphabet, k=n))


def form(*parts: str | Callable[[Random], str]) -> Callable[[Random], str]:
    return lambda random: "".join(part if isinstance(part, str) else part(random) for part in parts)


def uuid(random: Random) -> str:
    return "-".join("".join(random.choices(HEX, k=n)) for n in (8, 4, 4, 4, 12))


def jwt(random: Random) -> str:
    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"sub": str(random.randrange(10**9)), "iat": random.randrange(10**9), "role": "admin"}
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{chars(URLSAFE, 43)(random)}"


def password(random: Random) -> str:
    """As people choose them: letters, digits, a mark."""
    word = random.choice(("Winter", "tiger", "Mustang", "sunset", "Pr0d", "dragon", "qwerty", "Berlin", "s3rvice"))
    return f"{word}{random.randrange(10, 9999)}{random.choice(('!', '#', '', '-', '@x', '_Q'))}"


OWN_FORM: dict[str, Callable[[Random], str]] = {
    "AWS access key id": form("AKIA", chars(BASE32, 16)),
    "AWS temporary key id": form("ASIA", chars(BASE32, 16)),
    "AWS MWS": form("amzn.mws.", uuid),
    "Google API key": form("AIza", chars(URLSAFE, 35)),
    "Google OAuth secret": form("GOCSPX-", chars(URLSAFE, 28)),
    "Google OAuth token": form("ya29.a0", chars(URLSAFE, 160)),
    "Azure client secret": form(chars(ALNUM, 3), "8Q~", chars(ALNUM + "-_.~", 34)),
    "Azure DevOps": form(chars(ALNUM, 76), "AZDO", chars(ALNUM, 4)),
    "GitHub personal": form("ghp_", chars(ALNUM, 36)),
    "GitHub server": form("ghs_", chars(ALNUM, 36)),
    "GitHub fine-grained": form("github_pat_", chars(ALNUM, 22), "_", chars(ALNUM, 59)),
    "GitLab personal": form("glpat-", chars(URLSAFE, 20)),
    "GitLab runner": form("GR1348941", chars(URLSAFE, 20)),
    "Slack bot": form("xoxb-", chars("123456789", 12), "-", chars("123456789", 13), "-", chars(ALNUM, 24)),
    "Slack app": form("xapp-1-A", chars(UPPER, 10), "-", chars("123456789", 13), "-", chars(HEX, 64)),
    "Stripe secret": form("sk_live_", chars(ALNUM, 24)),
    "Stripe restricted": form("rk_live_", chars(ALNUM, 99)),
    "Stripe test": form("sk_test_", chars(ALNUM, 24)),
    "Twilio API key": form("SK", chars(HEX, 32)),
    "SendGrid": form("SG.", chars(URLSAFE, 22), ".", chars(URLSAFE, 43)),
    "npm": form("npm_", chars(ALNUM, 36)),
    "PyPI": form("pypi-AgEIcHlwaS5vcmc", chars(URLSAFE, 130)),
    "OpenAI": form("sk-", chars(ALNUM, 20), "T3BlbkFJ", chars(ALNUM, 20)),
    "OpenAI project": form("sk-proj-", chars(URLSAFE, 74), "T3BlbkFJ", chars(URLSAFE, 74)),
    "Anthropic": form("sk-ant-api03-", chars(URLSAFE, 93), "AA"),
    "Hugging Face": form("hf_", chars(string.ascii_letters, 34)),
    "Groq": form("gsk_", chars(ALNUM, 52)),
    "Replicate": form("r8_", chars(ALNUM, 37)),
    "Telegram": form(chars("123456789", 10), ":AA", chars(URLSAFE, 33)),
    "Discord": form("MT", chars(ALNUM, 24), ".G", chars(ALNUM, 5), ".", chars(URLSAFE, 38)),
    "DigitalOcean": form("dop_v1_", chars(HEX, 64)),
    "Databricks": form("dapi", chars(HEX, 32)),
    "Doppler": form("dp.pt.", chars(ALNUM, 43)),
    "Shopify": form("shpat_", chars(HEX, 32)),
    "Mailgun": form("key-", chars(HEX, 32)),
    "Mailchimp": form(chars(HEX, 32), "-us14"),
    "Brevo": form("xkeysib-", chars(HEX, 64), "-", chars(ALNUM, 16)),
    "Square": form("sq0atp-", chars(URLSAFE, 22)),
    "Square application": form("sq0csp-", chars(URLSAFE, 43)),
    "Heroku": form("HRKU-AA", chars(URLSAFE, 58)),
    "Vault": form("hvs.", chars(URLSAFE, 90)),
    "Terraform Cloud": form(chars(ALNUM, 14), ".atlasv1.", chars(URLSAFE, 67)),
    "Atlassian": form("ATATT3xFfGF0", chars(URLSAFE, 171), "=", chars("0123456789ABCDEF", 8)),
    "Bitbucket": form("ATBB", chars(ALNUM, 24), chars("0123456789ABCDEF", 8)),
    "Grafana service account": form("glsa_", chars(ALNUM, 32), "_", chars(HEX, 8)),
    "Grafana Cloud": form("glc_", chars(BASE64, 100)),
    "Sentry": form("sntryu_", chars(HEX, 64)),
    "New Relic": form("NRAK-", chars(UPPER, 27)),
    "Dynatrace": form("dt0c01.", chars(BASE32, 24), ".", chars(BASE32, 64)),
    "Linear": form("lin_api_", chars(ALNUM, 40)),
    "Notion": form("secret_", chars(ALNUM, 43)),
    "Figma": form("figd_", chars(URLSAFE, 40)),
    "Airtable": form("pat", chars(ALNUM, 14), ".", chars(HEX, 64)),
    "Postman": form("PMAK-", chars(HEX, 24), "-", chars(HEX, 34)),
    "Docker": form("dckr_pat_", chars(URLSAFE, 27)),
    "RubyGems": form("rubygems_", chars(HEX, 48)),
    "crates.io": form("cio", chars(ALNUM, 32)),
    "NuGet": form("oy2", chars(LOWER, 43)),
    "PlanetScale": form("pscale_tkn_", chars(URLSAFE, 43)),
    "Pulumi": form("pul-", chars(HEX, 40)),
    "Supabase": form("sbp_", chars(HEX, 40)),
    "Tailscale": form("tskey-auth-", chars(ALNUM, 12), "-", chars(ALNUM, 32)),
    "SonarQube": form("sqp_", chars(HEX, 40)),
    "Artifactory": form("AKCp", chars(ALNUM, 69)),
    "age": form("AGE-SECRET-KEY-1", chars("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    "JWT": jwt,
}  # fmt: skip
"""Kinds that are known wherever they stand."""

BY_NAME: dict[str, tuple[str, Callable[[Random], str]]] = {
    "AWS secret key": ("aws_secret_access_key", chars(BASE64, 40)),
    "Azure storage": ("storage_account_key", form(chars(BASE64, 86), "==")),
    "Twilio auth token": ("twilio_auth_token", chars(HEX, 32)),
    "Datadog": ("datadog_api_key", chars(HEX, 32)),
    "Cloudflare": ("cloudflare_api_token", chars(URLSAFE, 40)),
    "Heroku legacy": ("heroku_api_key", uuid),
    "Algolia": ("algolia_admin_api_key", chars(HEX, 32)),
    "Okta": ("okta_api_token", form("00", chars(URLSAFE, 40))),
    "Mapbox legacy": ("maps_api_key", chars(ALNUM, 32)),
    "Django": ("secret_key", chars(LOWER + "!@#%^&*(-_=+)", 50)),
    "client secret": ("oauth_client_secret", chars(ALNUM, 32)),
    "encryption key": ("encryption_key", chars(HEX, 64)),
    "database password": ("db_password", password),
    "password": ("password", password),
    "plain token": ("token", chars(ALNUM, 40)),
}
"""Kinds without a form of their own: only the name that their value is given tells."""

_NAMED_LINES = {
    "python": ('{lower} = "{value}"', '    "{lower}": "{value}",', "client = Client({lower}='{value}')"),
    "javascript": ("const {camel} = '{value}';", '  {camel}: "{value}",', 'process.env.{upper} = "{value}";'),
    "typescript": ('private readonly {camel}: string = "{value}";', "{camel}: `{value}`,"),
    "go": ('{camel} := "{value}"', '\t{pascal}: "{value}",', 'const {camel} = "{value}"'),
    "java": ('private static final String {upper} = "{value}";', 'builder.{camel}("{value}")'),
    "rust": ('const {upper}: &str = "{value}";', 'let {lower} = String::from("{value}");'),
    "c": ('#define {upper} "{value}"', 'static const char {lower}[] = "{value}";'),
    "csharp": ('public const string {pascal} = "{value}";', '<add key="{pascal}" value="{value}" />'),
    "ruby": ("{lower}: '{value}',", "config.{lower} = '{value}'", ":{lower} => '{value}',"),
    "php": ("define('{upper}', '{value}');", "'{lower}' => '{value}',", "${lower} = '{value}';"),
    "yaml": ("  {lower}: {value}", '  {lower}: "{value}"', "- name: {upper}\n  value: {value}"),
    "json": ('  "{lower}": "{value}",', '{{"name": "{upper}", "value": "{value}"}}'),
    "toml": ('{lower} = "{value}"',),
    "shell": ("export {upper}={value}", "{upper}='{value}'", "deploy --{kebab}={value} --verbose"),
    "dockerfile": ("ENV {upper}={value}", "ENV {upper} {value}"),
    "properties": ("app.{lower}={value}",),
    "xml": ("<{camel}>{value}</{camel}>",),
    "terraform": ('  {lower} = "{value}"',),
}
_OWN_FORM_LINES = {
    "python": ('client = Client("{value}")', "    x = fetch(url, '{value}')  # for now"),
    "javascript": ("login('{value}');", "const a = `{value}`;"),
    "go": ('	req.Header.Set("X-Thing", "{value}")',),
    "java": ('service.connect("{value}");',),
    "rust": ('let client = Client::new("{value}");',),
    "c": ('    start("{value}", 0);',),
    "yaml": ("  value: {value}", "  - {value}"),
    "json": ('  "value": "{value}",', '["{value}"]'),
    "shell": ("./run {value}", "curl -H 'X-Thing: {value}' https://example.internal/"),
    "markdown": ("It was `{value}` for a while.",),
    "comment": ("// {value}", "# was: {value}"),
}
_OF_STRUCTURE = {
    "connection string": (
        "python", form("db-", password), 'engine = create_engine("postgresql://app:{value}@db.internal:5432/app")'
    ),
    "Redis address": ("yaml", password, "  url: redis://:{value}@cache:6379/0"),
    "MongoDB address": ("javascript", password, "connect('mongodb+srv://admin:{value}@cluster0.internal/test')"),
    "Git remote": ("shell", chars(ALNUM, 20), "git clone https://ci:{value}@git.internal/app.git"),
    "ADO.NET string": ("csharp", password, 'var s = "Server=db;Database=app;User Id=sa;Password={value};";'),
    "Azure connection": (
        "csharp",
        form(chars(BASE64, 86), "=="),
        'var s = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={value};EndpointSuffix=x";',
    ),
    "bearer header": ("shell", chars(ALNUM, 40), 'curl -H "Authorization: Bearer {value}" https://api.internal'),
    "basic header": (
        "python",
        lambda random: base64.b64encode(f"admin:{password(random)}".encode()).decode(),
        'headers = {{"Authorization": "Basic {value}"}}',
    ),
    "curl user": ("shell", password, "curl -u deploy:{value} https://repo.internal/upload"),
    "npmrc line": ("shell", uuid, "echo '//registry.internal/:_authToken={value}' > rc"),
    "Slack webhook": (
        "python",
        form("T", chars(UPPER, 8), "/B", chars(UPPER, 8), "/", chars(ALNUM, 24)),
        'post("https://hooks.slack.com/services/{value}")',
    ),
    "Discord webhook": (
        "python", chars(URLSAFE, 68), 'post("https://discord.com/api/webhooks/112233445566778899/{value}")'
    ),
    "query parameter": ("javascript", chars(HEX, 32), "fetch(`https://api.internal/v1?api_key={value}&q=x`)"),
    "SQL user": ("sql", password, "CREATE USER app IDENTIFIED BY '{value}';"),
    "private key, one line": (
        "json",
        lambda random: "\\n".join(chars(BASE64, 64)(random) for _ in range(3)),
        '"k": "-----BEGIN PRIVATE KEY-----\\n{value}\\n-----END PRIVATE KEY-----\\n"',
    ),
    "private key block": (
        "python",
        lambda random: "\n".join(chars(BASE64, 64)(random) for _ in range(4)),
        'KEY = """-----BEGIN RSA PRIVATE KEY-----\n{value}\n-----END RSA PRIVATE KEY-----"""',
    ),
    "private key, encrypted": (
        "text",
        lambda random: "\n".join(chars(BASE64, 64)(random) for _ in range(4)),
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\n{value}\n"
        "-----END RSA PRIVATE KEY-----",
    ),
    "OpenSSH key, joined": (
        "java",
        lambda random: '\\n" +\n    "'.join(chars(BASE64, 70)(random) for _ in range(4)),
        'String k = "-----BEGIN OPENSSH PRIVATE KEY-----\\n" +\n    "{value}\\n" +\n'
        '    "-----END OPENSSH PRIVATE KEY-----";',
    ),
    "PuTTY key": (
        "text",
        lambda random: "\n".join(chars(BASE64, 64)(random) for _ in range(3)),
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 3\n{value}\nend",
    ),
}  # fmt: skip
"""Kinds that are known by what stands around them."""


def sow(seed: int, n_each: int) -> Iterator[Sown]:
    """`n_each` secrets of every kind in lines of languages that take turns; the same ones for the same seed."""
    random = Random(seed)
    for kind, make in OWN_FORM.items():
        for _ in range(n_each):
            language = random.choice(tuple(_OWN_FORM_LINES))
            value = make(random)
            yield Sown(kind, language, value, random.choice(_OWN_FORM_LINES[language]).format(value=value))
    for kind, (name, make) in BY_NAME.items():
        for _ in range(n_each):
            language = random.choice(tuple(_NAMED_LINES))
            value = make(random)
            line = random.choice(_NAMED_LINES[language]).format(value=value, **_cases(name))
            yield Sown(kind, language, value, line)
    for kind, (language, make, line) in _OF_STRUCTURE.items():
        for _ in range(n_each):
            value = make(random)
            yield Sown(kind, language, value, line.format(value=value))


def _cases(name: str) -> dict[str, str]:
    words = name.split("_")
    pascal = "".join(word.capitalize() for word in words)
    return {
        "lower": name,
        "upper": name.upper(),
        "kebab": "-".join(words),
        "camel": pascal[0].lower() + pascal[1:],
        "pascal": pascal,
    }


def leaks(secret: str, text: str) -> bool:
    """Whether ten characters of the secret, or all of a shorter line of it, are left in the text."""
    for part in re.split(r"[\s\"+]*\\n[\s\"+]*|\n", secret):
        n = min(len(part), 10)
        if any(part[i : i + n] in text for i in range(len(part) - n + 1) if n >= 5):
            return True
    return False
