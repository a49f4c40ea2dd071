"""Credentials, as AWS's tools find them in the environment and in ~/.aws.

Read are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, then the profile AWS_PROFILE, or
AWS_DEFAULT_PROFILE, or default, of ~/.aws/credentials and ~/.aws/config (AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE
name other files). SSO, role_arn, credential_process, web identity, and the metadata services of EC2, ECS and EKS are not read
here: where there are no keys, the child looks for those itself.
"""

from __future__ import annotations

import configparser
import os
from datetime import datetime
from typing import Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Union

from ._errors import CredentialsError


class Credentials(NamedTuple):
    """Keys of an AWS account."""

    access_key_id: str
    secret_access_key: str
    session_token: Optional[str] = None
    expires: Optional[datetime] = None  # with its time zone; None: not known

    def __repr__(self) -> str:  # for logs and tracebacks: without the secrets
        return f"Credentials({self.access_key_id!r}, …, expires={self.expires})"


# Credentials that don't change, or what returns fresh ones.
CredentialsSource = Union[Credentials, Callable[[], Credentials]]


def ask(source: CredentialsSource) -> Credentials:
    """Returns the credentials that the source has now."""
    found = source() if callable(source) else source
    if not isinstance(found, Credentials):
        raise CredentialsError(
            f"credentials are a {type(found).__name__}, want kplkit.Credentials or a callable that returns them"
        )
    if found.expires and found.expires.tzinfo is None:
        raise CredentialsError(
            "the credentials' expires has no time zone: give it one (datetime.now(timezone.utc) has)"
        )
    return found


def find_credentials(environ: Optional[Mapping[str, str]] = None) -> Credentials:
    """Returns the credentials of the environment or of a profile, or raises a CredentialsError that says what to do."""
    env = os.environ if environ is None else environ
    found = search(env)
    if not found:
        files = f"{_file(env, 'credentials')} and {_file(env, 'config')}"
        raise CredentialsError(
            f"no keys: AWS_ACCESS_KEY_ID is not set, and the profile {profile_name(env)} has none in {files}: set them, "
            "or give credentials=, a callable that returns kplkit.Credentials"
        )
    return found


def search(environ: Optional[Mapping[str, str]] = None) -> Optional[Credentials]:
    """Returns what find_credentials does, None where there is none. Half of a pair is a CredentialsError."""
    env = os.environ if environ is None else environ
    pair = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
    return _keys(env, pair, "the environment") or _keys(
        read_profile(env), tuple(name.lower() for name in pair), f"the profile {profile_name(env)}"
    )


def _keys(values: Mapping[str, str], names: Sequence[str], where: str) -> Optional[Credentials]:
    key, secret, token = (values.get(name) or None for name in names)
    if key and secret:
        return Credentials(key, secret, token)
    if key or secret:
        have, lack = (names[0], names[1]) if key else (names[1], names[0])
        raise CredentialsError(f"{where} has {have} but no {lack}: set both or none")
    return None


def find_region(environ: Optional[Mapping[str, str]] = None) -> str:
    """Returns the region of the environment or of the profile, "" if there is none."""
    env = os.environ if environ is None else environ
    return env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or read_profile(env).get("region", "")


def find_endpoint(environ: Optional[Mapping[str, str]] = None) -> str:
    """Returns the URL of Kinesis that the environment has for AWS's SDKs, "" if there is none."""
    env = os.environ if environ is None else environ
    if env.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return ""
    return env.get("AWS_ENDPOINT_URL_KINESIS") or env.get("AWS_ENDPOINT_URL", "")


def profile_name(env: Mapping[str, str]) -> str:
    return env.get("AWS_PROFILE") or env.get("AWS_DEFAULT_PROFILE") or "default"


def read_profile(env: Mapping[str, str]) -> Dict[str, str]:
    """Returns what both files say of the profile. The credentials file has the last word."""
    name = profile_name(env)
    in_config = name if name == "default" else f"profile {name}"
    return {**_section(_file(env, "config"), in_config), **_section(_file(env, "credentials"), name)}


def _file(env: Mapping[str, str], name: str) -> str:
    variable = {"credentials": "AWS_SHARED_CREDENTIALS_FILE", "config": "AWS_CONFIG_FILE"}[name]
    return os.path.expanduser(env.get(variable) or os.path.join("~", ".aws", name))


def _section(path: str, name: str) -> Dict[str, str]:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), default_section="\0")
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        # Only the kind of the error: its text may quote a line with a secret.
        line = getattr(error, "lineno", None) or (getattr(error, "errors", None) or [(None,)])[0][0]
        where = f", line {line}" if line else ""
        raise CredentialsError(f"{path}{where} can't be read ({type(error).__name__}): fix or remove it") from None
    return dict(parser[name]) if parser.has_section(name) else {}
