"""What must not be in git, and where it is looked up.

For each name the first of these that has it is taken:

1. the environment;
2. AWS Secrets Manager, if ``AWS_SECRETS_MANAGER_ID`` names a secret (its value: one JSON object, name to string);
3. ``secrets.json`` beside ``manage.py`` (``EXAMPLE_SECRETS_FILE`` names another; set to nothing, there is none).

AWS credentials are the exception: they are normally *not* looked up here at all. boto3 finds them itself (environment,
``AWS_PROFILE``, ``~/.aws``, the role of the container or instance). Only a pair of keys written into 2 or 3 is used
instead, and only while the environment names no others. The secret in 2 is read with boto3's own credentials.
"""

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

SECRETS_FILE = Path(__file__).resolve().parent.parent / "secrets.json"

#: One of these in the environment means that somebody chose credentials for this process.
CHOSEN_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_S3_ACCESS_KEY_ID", "AWS_S3_SESSION_PROFILE")


def secret(name: str, default: str | None = None) -> str | None:
    """The value of a name, or the default; an empty value in the environment counts as a value."""
    for source in (os.environ, *_sources()):
        if name in source:
            return source[name]
    return default


def aws_credentials() -> dict[str, str | None]:
    """Options for an S3 storage: a pair of keys from the secrets, or nothing, which leaves the choice to boto3.

    Key and secret always come from one source, so that halves of two pairs never meet.
    """
    if any(os.environ.get(name) for name in CHOSEN_CREDENTIALS):
        return {}
    for source in _sources():
        if "AWS_ACCESS_KEY_ID" in source:
            if "AWS_SECRET_ACCESS_KEY" not in source:
                raise ImproperlyConfigured("The secrets hold AWS_ACCESS_KEY_ID but no AWS_SECRET_ACCESS_KEY.")
            return {
                "access_key": source["AWS_ACCESS_KEY_ID"],
                "secret_key": source["AWS_SECRET_ACCESS_KEY"],
                "security_token": source.get("AWS_SESSION_TOKEN"),
            }
    return {}


def _sources() -> tuple[Mapping[str, str], ...]:
    return _from_secrets_manager(os.environ.get("AWS_SECRETS_MANAGER_ID", "")), _from_file(
        os.environ.get("EXAMPLE_SECRETS_FILE", os.fspath(SECRETS_FILE))
    )


@functools.cache
def _from_file(filename: str) -> Mapping[str, str]:
    """The secrets of a file. A missing default file is no error, a missing file that somebody named is one."""
    if not filename or (filename == os.fspath(SECRETS_FILE) and not SECRETS_FILE.exists()):
        return {}
    try:
        text = Path(filename).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"Cannot read the secrets file {filename!r}: {error}.") from error
    return _parse(text, f"The secrets file {filename!r}")


@functools.cache
def _from_secrets_manager(secret_id: str) -> Mapping[str, str]:
    """The secrets of AWS Secrets Manager, fetched once per process."""
    if not secret_id:
        return {}
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    session = boto3.Session()
    region = session.region_name or os.environ.get("AWS_REGION") or os.environ.get("AWS_S3_REGION_NAME")
    try:
        answer = session.client("secretsmanager", region_name=region).get_secret_value(SecretId=secret_id)
    except (BotoCoreError, ClientError) as error:
        raise ImproperlyConfigured(
            f"Cannot read the secret {secret_id!r} from AWS Secrets Manager: {error}. "
            "It needs a region, credentials and secretsmanager:GetSecretValue on that secret."
        ) from error
    return _parse(answer.get("SecretString", ""), f"The secret {secret_id!r} in AWS Secrets Manager")


def _parse(text: str, where: str) -> Mapping[str, str]:
    try:
        secrets: Any = json.loads(text)
    except ValueError as error:
        position = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        # The decoder's error holds the whole document, so it must not be chained into a traceback or an error page.
        raise ImproperlyConfigured(f"{where} is not JSON{position}.") from None
    if not isinstance(secrets, dict) or not all(isinstance(value, str) for value in secrets.values()):
        raise ImproperlyConfigured(f"{where} must be one JSON object with strings as values.")
    return secrets
