"""The check of `parley doctor` of an app that teams install themselves.

Slack refuses a code that it has not given out with `invalid_code` where the client ID and its secret are right, and
with other words where they are not: https://docs.slack.dev/reference/methods/oauth.v2.access
"""

from __future__ import annotations

from collections.abc import Sequence

from bots.slack import SlackSettings
from bots.slack.errors import to_platform_error
from bots.slack.manifest import INSTALL_PATH, REDIRECT_PATH
from bots.slack.oauth import basic_auth
from bots.slack.web import ApiConnections
from core.values.checks import Finding, failed, ok, warning

_AT = "api.slack.com/apps > your app > Basic Information > App Credentials: copy it to"
_WORDS = {
    "invalid_client_id": ("SLACK_CLIENT_ID is none that Slack knows", f"{_AT} SLACK_CLIENT_ID"),
    "bad_client_secret": (
        "SLACK_CLIENT_SECRET is not the secret of this client ID",
        f"{_AT} SLACK_CLIENT_SECRET",
    ),
}


async def check_install(settings: SlackSettings) -> Sequence[Finding]:
    """Find out if Slack knows the client ID with its secret. No code is redeemed."""
    name, secret = "slack install", settings.slack_client_secret
    connections = ApiConnections(settings.slack_api_url)
    connections.connect()
    headers = basic_auth(settings.slack_client_id, secret.get_secret_value() if secret else "")
    try:
        await connections.client.api_call("oauth.v2.access", data={"code": "0.0.parley"}, headers=headers)
    except Exception as error:
        said = to_platform_error(error, "oauth.v2.access").detail.partition(": ")[2]
    else:
        said = "it took a code that it has not given out"
    finally:
        await connections.close()
    if said in _WORDS:
        problem, cure = _WORDS[said]
        return [failed(name, problem, cure)]
    if said != "invalid_code":
        return [warning(name, f"Slack did not say whether it knows the app ({said})", "try again later")]
    return [
        ok(
            name,
            f"teams install it at {settings.parley_public_url}{INSTALL_PATH}; the app's redirect URL has to be "
            f"{settings.parley_public_url}{REDIRECT_PATH}",
        )
    ]
