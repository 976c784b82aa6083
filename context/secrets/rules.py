"""The forms that secrets are issued in: owns the table of known kinds, as one regular expression; knows no file.

Where the forms come from: the issuers' own documentation of their token formats. Every quantifier is
bounded or runs over characters that cannot begin the next part, so a search takes linear time whatever
the text is. A rule with a group names the part that is the secret; without one it is the whole match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_HEX = "[0-9a-f]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_ALNUM = "[A-Za-z0-9]"


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret: `start` is its telling beginning, `rest` what follows it.

    While it is typed a secret has only its beginning, so a `start` that no ordinary word has, given
    with `is_telling`, is enough where the text ends.
    """

    kind: str
    start: str
    rest: str
    is_telling: bool = True


RULES = (
    Rule("AWS access key id", "(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])", "[A-Z0-9]{16}(?![A-Za-z0-9])"),
    Rule("AWS MWS token", r"amzn\.mws\.", _UUID),
    Rule("AWS Bedrock key", "ABSK", "[A-Za-z0-9+/]{109,269}={0,2}"),
    Rule("Google API key", "AIza", r"[\w-]{35}"),
    Rule("Google OAuth client secret", "GOCSPX-", r"[\w-]{24,32}"),
    Rule("Google OAuth access token", r"ya29\.", r"[\w.-]{20,2000}"),
    Rule("Google OAuth refresh token", "1//0", r"[\w-]{35,300}"),
    Rule("Azure client secret", r"[\w.~-]{3}\dQ~", r"[\w.~-]{31,34}", is_telling=False),
    Rule("Azure DevOps token", "", r"[A-Za-z0-9]{70,80}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])", is_telling=False),
    Rule("Azure service key", "", r"[A-Za-z0-9]{52}JQQJ9[A-Za-z0-9]{9,30}", is_telling=False),
    Rule("Azure account key", "(?:AccountKey|SharedAccessKey)=", "([A-Za-z0-9+/]{40,100}={0,2})"),
    Rule("Azure shared access signature", r"sig=", "((?:[A-Za-z0-9]|%[0-9A-Fa-f]{2}){43,90})", is_telling=False),
    Rule("GitHub token", "gh[pousr]_", "[A-Za-z0-9]{36,255}"),
    Rule("GitHub fine-grained token", "github_pat_", r"[A-Za-z0-9_]{50,255}"),
    Rule("GitLab token", r"gl(?:pat|dt|oas|ptt|ft|soat|imt|agent|cbt|rt|rtr|ffct)-", r"[\w.-]{20,300}"),
    Rule("GitLab runner registration", "GR1348941", r"[\w-]{20,50}"),
    Rule("Slack token", "xox[abeoprs]-", r"[\w.-]{10,250}"),
    Rule("Slack app token", r"xapp-\d-", r"[\w-]{20,250}"),
    Rule("Slack webhook", r"hooks\.slack\.com/(?:services|workflows)/", r"([\w+/-]{20,120})"),
    Rule("Stripe key", "[sr]k_(?:live|test|prod)_", f"{_ALNUM}{{10,250}}"),
    Rule("Stripe webhook secret", "whsec_", "[A-Za-z0-9+/=]{24,100}"),
    Rule("Twilio API key", "SK", "[0-9a-z]{32}(?![0-9A-Za-z])", is_telling=False),
    Rule("SendGrid key", r"SG\.", r"[\w-]{16,32}\.[\w-]{16,64}", is_telling=False),
    Rule("npm token", "npm_", f"{_ALNUM}{{36}}"),
    Rule("npm registry token", r"_(?:authToken|auth|password)\s?=\s?", r"([\w+/=.-]{8,300})", is_telling=False),
    Rule("PyPI token", "pypi-AgE", r"[\w-]{50,1000}"),
    Rule("OpenAI project key", "sk-(?:proj|svcacct|admin|None)-", r"[\w-]{20,250}"),
    Rule("OpenAI key", "sk-", r"[A-Za-z0-9]{32,64}(?![\w-])", is_telling=False),
    Rule("OpenRouter key", "sk-or-v1-", "[0-9a-f]{64}"),
    Rule("Anthropic key", "sk-ant-", r"[\w-]{20,250}"),
    Rule("Hugging Face token", "(?:hf|api_org)_", f"{_ALNUM}{{30,40}}(?![A-Za-z0-9_])"),
    Rule("Groq key", "gsk_", f"{_ALNUM}{{40,60}}"),
    Rule("Replicate token", "r8_", f"{_ALNUM}{{37,40}}"),
    Rule("Perplexity key", "pplx-", f"{_ALNUM}{{40,64}}"),
    Rule("xAI key", "xai-", f"{_ALNUM}{{60,90}}"),
    Rule("LangSmith key", "lsv2_(?:pt|sk)_", "[0-9a-f]{32}_[0-9a-f]{8,12}"),
    Rule("Pinecone key", "pcsk_", r"\w{40,90}"),
    Rule("Telegram bot token", r"\d{8,10}:", r"[\w-]{35}(?![\w-])", is_telling=False),
    Rule("Discord bot token", r"[MNO][\w-]{23,27}\.", r"[\w-]{6,7}\.[\w-]{27,40}", is_telling=False),
    Rule("Discord webhook", r"discord(?:app)?\.com/api/webhooks/\d{10,25}/", r"([\w-]{50,90})"),
    Rule("Teams webhook", r"webhook\.office\.com/webhookb2/", r"([\w@/-]{60,250})"),
    Rule("DigitalOcean token", "do[opr]_v1_", "[0-9a-f]{64}"),
    Rule("Databricks token", "dapi", r"[0-9a-f]{32}(?:-\d)?(?![0-9A-Za-z])"),
    Rule("Doppler token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.", r"[\w.-]{40,80}"),
    Rule("Shopify token", "shp(?:at|ca|pa|ss|tka)_", "[0-9A-Fa-f]{32}"),
    Rule("Mailgun key", "key-", "[0-9a-z]{32}(?![0-9A-Za-z-])", is_telling=False),
    Rule(
        "Mailchimp or Mailgun key", "", r"[0-9a-z]{32}-(?:us\d{1,2}|[0-9a-f]{8}-[0-9a-f]{8})(?![\w-])", is_telling=False
    ),
    Rule("Brevo key", "xkeysib-", r"[0-9a-f]{64}-\w{16}"),
    Rule("Square token", r"sq0(?:atp|csp|idp)-", r"[\w-]{22,43}"),
    Rule("Square access token", "EAAA[A-Za-z]", r"[\w-]{55,64}(?![\w-])", is_telling=False),
    Rule("Heroku key", "HRKU-", r"[\w-]{36,70}"),
    Rule("Vault token", r"hv[sbr]\.", r"[\w-]{24,300}"),
    Rule("Terraform Cloud token", "", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,70}", is_telling=False),
    Rule("Atlassian token", "AT(?:ATT|CTT|STT)3", r"[\w=-]{60,300}"),
    Rule("Bitbucket app password", "ATBB", r"[A-Za-z0-9_=.-]{24,40}"),
    Rule("Grafana token", "gl(?:sa|c)_", r"[\w+/=]{30,300}"),
    Rule("Grafana legacy key", "eyJrIjoi", "[A-Za-z0-9+/]{40,400}={0,2}"),
    Rule("Sentry token", "sntry[su]_", r"[\w+/=.-]{40,300}"),
    Rule("New Relic key", "NR(?:AK|II|IQ|RA|SP|JS|BR|AL)-", r"[\w-]{20,45}"),
    Rule("Dynatrace token", r"dt0[a-z]\d\d\.", r"[A-Z0-9]{8,24}\.[A-Z0-9]{64}"),
    Rule("PlanetScale token", "pscale_(?:tkn|pw|oauth)_", r"[\w.=-]{30,64}"),
    Rule("Pulumi token", "pul-", "[0-9a-f]{40}"),
    Rule("RubyGems key", "rubygems_", "[0-9a-f]{48}"),
    Rule("crates.io token", "cio", f"{_ALNUM}{{32}}(?![A-Za-z0-9_])", is_telling=False),
    Rule("NuGet key", "oy2", r"[a-z0-9]{43}(?![A-Za-z0-9_])", is_telling=False),
    Rule("Clojars token", "CLOJARS_", "[0-9a-z]{60}"),
    Rule("Docker token", "dckr_[op]at_", r"[\w-]{20,64}"),
    Rule("Artifactory key", "AKC", f"{_ALNUM}{{60,80}}", is_telling=False),
    Rule("Artifactory reference token", "cmVmd", f"{_ALNUM}{{50,70}}", is_telling=False),
    Rule("Linear key", "lin_(?:api|oauth)_", f"{_ALNUM}{{32,64}}"),
    Rule("Notion token", "(?:secret|ntn)_", f"{_ALNUM}{{40,50}}(?![A-Za-z0-9_])", is_telling=False),
    Rule("Figma token", "fig[dour]_", r"[\w-]{36,64}"),
    Rule("Airtable token", r"pat[A-Za-z0-9]{14}\.", "[0-9a-f]{64}"),
    Rule("Postman key", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}"),
    Rule("Contentful token", "CFPAT-", r"[\w-]{40,50}"),
    Rule("Netlify token", "nfp_", f"{_ALNUM}{{36,44}}"),
    Rule("Supabase key", "sb(?:p|_secret)_", r"[\w-]{30,60}"),
    Rule("Fly token", "(?:FlyV1 |fo1_)", r"[\w,+/=-]{40,1000}"),
    Rule("Tailscale key", r"tskey-(?:auth|api|client|scim|webhook)-", r"[\w-]{15,80}"),
    Rule("SonarQube token", "sq[pua]_", "[0-9a-f]{40}"),
    Rule("Sourcegraph token", "sgp_", r"\w{40,80}"),
    Rule("Buildkite token", "bkua_", "[0-9a-f]{40}"),
    Rule("CircleCI token", "CCIPAT_", r"\w{30,100}"),
    Rule("Prefect key", "pn[ub]_", f"{_ALNUM}{{36}}"),
    Rule("1Password service account", "ops_eyJ", r"[\w+/=-]{50,2000}"),
    Rule("Alibaba access key id", "LTAI", f"{_ALNUM}{{12,24}}(?![A-Za-z0-9_])"),
    Rule("Tencent secret id", "AKID", f"{_ALNUM}{{32}}(?![A-Za-z0-9_])"),
    Rule("Yandex key", "AQVN", r"[\w-]{35,38}"),
    Rule("Cloudflare origin key", r"v1\.0-", r"[0-9a-f]{24}-[0-9a-f]{146}"),
    Rule("Braintree token", r"access_token\$(?:production|sandbox)\$", r"[0-9a-z]{16}\$[0-9a-f]{32}"),
    Rule("Plaid token", "access-(?:sandbox|development|production)-", _UUID),
    Rule("LaunchDarkly key", "(?:sdk|api)-", _UUID, is_telling=False),
    Rule("Octopus key", "API-", r"[A-Z0-9]{25,33}(?![A-Za-z0-9_])", is_telling=False),
    Rule("Asana token", r"\d/\d{16}:", "[0-9a-f]{32}", is_telling=False),
    Rule("Facebook token", "EAACEdEose0cBA", f"{_ALNUM}{{20,300}}"),
    Rule("Twitter bearer token", "A{20}", r"[A-Za-z0-9%]{60,120}"),
    Rule("EasyPost key", "EZ[AT]K", f"{_ALNUM}{{54}}"),
    Rule("Flutterwave key", "FLWSECK(?:_TEST)?-", r"[\w-]{12,60}"),
    Rule("Mapbox secret token", r"[st]k\.eyJ", r"[\w.-]{50,300}"),
    Rule("age key", "AGE-SECRET-KEY-1", "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    Rule("PuTTY key", r"Private-MAC: ", "([0-9a-f]{40,64})"),
    Rule("JWT", "eyJ", r"[\w-]{10,4000}\.eyJ[\w-]{8,4000}\.[\w-]{8,4000}", is_telling=False),
    Rule("JWE", "eyJ", r"[\w-]{10,4000}\.[\w-]{0,4000}\.[\w-]{10,100}\.[\w-]{10,4000}\.[\w-]{16,64}", is_telling=False),
    Rule(
        "private key block",
        "----",
        r"[- ]BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)? ?----((?:\\+[nr]|-(?! ?END)|[A-Za-z0-9+/=\s]){24,20000})",
        is_telling=False,
    ),
    # What stands before a value of any form.
    Rule("bearer", r"(?:Bearer|bearer)\s{1,3}", r"([\w.~+/=-]{12,4000})", is_telling=False),
    Rule("basic", r"(?:Basic|basic|Token|token)\s", r"([A-Za-z0-9+/_-]{12,400}={0,2})(?![\w.-])", is_telling=False),
    Rule(
        "curl user",
        r"curl\s",
        r"[^\n|;]{0,200}?(?:-u|--user)[\s=]{0,3}[\"']?[\w.@-]{1,64}:([^\s\"']{4,128})",
        is_telling=False,
    ),
)
"""Kinds with a form of their own. Order matters only where one kind begins like another: the longer one first."""

_URL_PASSWORD = r"://[^\s:/?#@\"'<>]{0,80}:([^\s/@\"'<>]{3,256})@"  # noqa: S105
_GUARD = r"(?=[\w.~/+:-]{20})"
"""What all kinds without a letter of their own to begin with have in common."""


@cache
def known_forms() -> re.Pattern[str]:
    """One expression of all rules; a match's last group, if it has one, is the secret itself."""
    # A token begins where no letter or digit comes before it, and kinds are told apart by their first
    # letter first: most places of a text are left at once.
    by_letter: dict[str, list[str]] = {}
    for rule in RULES:
        for start in _alternatives(rule.start):
            letter = start[0] if re.match(r"[\w-](?![{*+?])", start) else ""
            by_letter.setdefault(letter, []).append(start[len(letter) :] + rule.rest)
    startless = "|".join(by_letter.pop(""))
    told = "|".join(f"{letter}(?:{'|'.join(rests)})" for letter, rests in sorted(by_letter.items()))
    return re.compile(rf"(?<![A-Za-z0-9])(?:{told}|{_GUARD}(?:{startless}))|{_URL_PASSWORD}")


@cache
def begun_forms() -> re.Pattern[str]:
    """What a known kind looks like while it is typed: a telling start and some of the rest, up to the text's end."""
    starts = "|".join(rule.start for rule in RULES if rule.is_telling)
    return re.compile(rf"(?<![A-Za-z0-9])(?:{starts})[\w\-+/=.~]*\Z")


def _alternatives(start: str) -> list[str]:
    """The starts that a rule's beginning stands for where it is one group or one class."""
    if match := re.fullmatch(r"\(\?:([^()]+)\)(.*)", start):
        return [one + match[2] for one in match[1].split("|")]
    if match := re.match(r"\[(\w+)\](?![{*+?])", start):
        return [letter + start[match.end() :] for letter in match[1]]
    return [start]
