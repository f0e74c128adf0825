"""Maps Slack's errors and network failures to PlatformError, in one table.

Slack's error codes: the pages of the methods that Parley calls, and "Common errors" on each of them, for
instance https://docs.slack.dev/reference/methods/chat.postMessage#errors. An error in no row was still refused
by Slack: REJECTED. A call without an answer of Slack's may have been done: UNCERTAIN.
"""

from __future__ import annotations

from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from core.errors import Code, PlatformError
from core.retry_after import retry_after_to_s, to_date

_WORDS: dict[Code, str] = {
    Code.BAD_TOKEN: """
        account_inactive invalid_auth not_allowed_token_type not_authed token_expired token_revoked
        """,
    Code.SLOW_DOWN: "message_limit_exceeded rate_limited ratelimited",
    Code.GONE: """
        cannot_reply_to_message channel_not_found file_deleted file_not_found invalid_thread_ts is_archived
        is_inactive message_not_found team_not_found thread_not_found user_not_found
        """,
    Code.NOT_ALLOWED: """
        access_denied accesslimited cant_broadcast_message cant_delete_message cant_update_message
        channel_is_limited_access deprecated_endpoint edit_window_closed ekm_access_denied
        enterprise_is_restricted forbidden_team insecure_request message_not_owned_by_app
        messages_tab_disabled method_deprecated method_not_supported_for_channel_type missing_scope
        no_permission not_in_channel org_login_required posting_to_channel_denied restricted_action
        restricted_action_non_threadable_channel restricted_action_read_only_channel
        restricted_action_thread_locked restricted_action_thread_only_channel
        slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked
        slack_connect_lists_sharing_blocked team_access_not_granted two_factor_setup_required unknown_method
        user_not_visible
        """,
    Code.REJECTED: """
        as_user_not_supported attachment_payload_limit_exceeded block_mismatch invalid_arg_name invalid_arguments
        cannot_provide_both_markdown_text_and_chunks
        invalid_array_arg invalid_attachments invalid_blocks invalid_blocks_format invalid_charset invalid_chunks
        invalid_cursor invalid_form_data invalid_metadata_filter_keys invalid_metadata_format invalid_metadata_schema
        invalid_post_type invalid_ts_latest invalid_ts_oldest markdown_text_conflict
        metadata_must_be_sent_from_app metadata_too_large missing_args missing_post_type msg_blocks_too_long
        msg_too_long no_dual_broadcast_content_update no_text reserved_username
        streaming_mode_mismatch too_many_attachments
        too_many_contact_cards too_many_users
        """,
    Code.UNAVAILABLE: """
        external_channel_migrating list_record_comment_fetch_failed request_timeout team_added_to_org
        """,
    Code.GROWING: "streaming_state_conflict",
    Code.GROWN: "message_not_in_streaming_state",
    Code.HALTED: "stopped_by_user",
    Code.UNCERTAIN: "fatal_error internal_error service_unavailable update_failed",
}
REASONS: dict[str, Code] = {reason: code for code, words in _WORDS.items() for reason in words.split()}

# First match wins. Until there is a connection, nothing was asked of Slack.
# https://docs.aiohttp.org/en/stable/client_reference.html#client-exceptions
WIRE: tuple[tuple[type[Exception], Code], ...] = (
    (aiohttp.ConnectionTimeoutError, Code.UNAVAILABLE),
    (aiohttp.ClientConnectorError, Code.UNAVAILABLE),
    (aiohttp.ClientHttpProxyError, Code.UNAVAILABLE),
    (SlackClientError, Code.REJECTED),
    (Exception, Code.UNCERTAIN),
)

_RETRYABLE = {Code.SLOW_DOWN, Code.UNAVAILABLE, Code.UNCERTAIN}
_RETRY_AFTER_S = 1.0  # where Slack limits without saying how long


def to_platform_error(error: Exception, method: str) -> PlatformError:
    """The PlatformError for `error`, raised by the SDK on calling `method`. Its cause must be `error`."""
    if isinstance(error, SlackApiError):
        return _refusal(error, method)
    code = next(code for kind, code in WIRE if isinstance(error, kind))
    return _fault(code, f"{method}: {type(error).__name__}")


def reason_of(error: PlatformError) -> str:
    """Slack's own word for it, or empty where Slack did not speak."""
    cause = error.__cause__
    return str(_said(cause).get("error", "")) if isinstance(cause, SlackApiError) else ""


def answered(error: PlatformError) -> bool:
    """True if Slack, or what stands before it, answered the call."""
    return isinstance(error.__cause__, SlackApiError)


def blocks_refused(error: PlatformError) -> bool:
    """True if Slack turned down how the words were laid out, and not the words."""
    reason = reason_of(error)
    return "block" in reason or reason == "invalid_arguments"


def _refusal(error: SlackApiError, method: str) -> PlatformError:
    # The SDK puts aiohttp's own response here when the body is not JSON.
    status = int(getattr(error.response, "status_code", 0) or getattr(error.response, "status", 0))
    said = _said(error)
    reason = str(said.get("error") or f"HTTP {status}")
    code = REASONS.get(reason, Code.REJECTED)
    if status == 429:
        code = Code.SLOW_DOWN
    elif status >= 500:
        code = Code.UNCERTAIN if status == 504 else Code.UNAVAILABLE
    elif not said:
        code = Code.UNCERTAIN
    more = [*(said.get("response_metadata") or {}).get("messages", ())]
    if said.get("needed"):
        more.append(f"needs the scope {said['needed']}")
    detail = "; ".join(map(str, (f"{method}: {reason}", *more)))
    return _fault(code, detail, _retry_after_s(error) if code is Code.SLOW_DOWN else None)


def _said(error: SlackApiError) -> dict[str, Any]:
    data = getattr(error.response, "data", None)
    return data if isinstance(data, dict) else {}


def _retry_after_s(error: SlackApiError) -> float:
    headers = error.response.headers
    wait_s = retry_after_to_s(headers.get("Retry-After"), to_date(headers.get("Date", "")))
    return _RETRY_AFTER_S if wait_s is None else wait_s


def _fault(code: Code, detail: str, retry_after_s: float | None = None) -> PlatformError:
    return PlatformError(
        code,
        detail,
        retryable=code in _RETRYABLE,
        certain=code is not Code.UNCERTAIN,
        retry_after_s=retry_after_s,
    )
