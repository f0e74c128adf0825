"""Routes of interactions: the callback, and the webhook that lives 15 minutes behind each token.

https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

from typing import Any

from tests.fakes.discord import wire
from tests.fakes.discord.channels import apply_edit, check_fields, check_message, message_fields, message_json
from tests.fakes.discord.errors import InvalidForm, Refusal
from tests.fakes.discord.guild import APPLICATION, BOT, Interaction, Json, Message, MessageFlag, MessageType
from tests.fakes.discord.mentions import USERS_ONLY
from tests.fakes.discord.rest import Call, Rest, Route, fields, ids_of

ANSWER_WITHIN_S = 3.0
TOKEN_LIFE_S = 900.0
FOLLOWUPS_WHEN_NOT_INSTALLED = 5
MODAL_LIMIT = 5

MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9


async def post_callback(rest: Rest, call: Call) -> Json | None:
    interaction = _by_token(rest, call)
    age_s = rest.world.clock.now() - interaction.created_at
    if interaction.id != ids_of(call, "interaction"):
        raise Refusal(10062)
    if interaction.answered is not None:
        raise Refusal(40060)
    if age_s > ANSWER_WITHIN_S:
        raise Refusal(10062)
    kind = fields(call).get("type")
    respond = _CALLBACKS.get(kind or 0)
    if respond is None or kind not in _ALLOWED[interaction.type]:
        raise InvalidForm("type", "BASE_TYPE_CHOICES", "This interaction cannot be answered like that.")
    data = fields(call).get("data") or {}
    if kind in (MESSAGE, UPDATE):
        check_fields(data, call)
    await respond(rest, interaction, data, call)
    interaction.answered = kind
    interaction.answered_at = rest.world.clock.now()
    if call.query.get("with_response", "false").lower() not in ("1", "true"):
        return None
    return _callback_json(rest, interaction, kind)


async def get_original(rest: Rest, call: Call) -> Json:
    return message_json(rest, _original(rest, _live(rest, call)))


async def patch_original(rest: Rest, call: Call) -> Json:
    message = _original(rest, _live(rest, call))
    await apply_edit(rest, message, call, parse=USERS_ONLY)
    return message_json(rest, message)


async def delete_original(rest: Rest, call: Call) -> None:
    await rest.actions.delete(_original(rest, _live(rest, call)))


async def post_followup(rest: Rest, call: Call) -> Json:
    """Right after a deferral this edits the original, as the documentation says."""
    interaction = _live(rest, call)
    if interaction.answered is None:
        raise Refusal(10015)
    body = fields(call)
    check_message(body, call)
    response = interaction.response
    if response is not None and response.loading:
        if response.deleted:  # https://github.com/discord/discord-api-docs/issues/3087
            raise Refusal(10008)
        await apply_edit(rest, response, call, parse=USERS_ONLY)
        return message_json(rest, response)
    if "0" not in interaction.owners and len(interaction.followups) >= FOLLOWUPS_WHEN_NOT_INSTALLED:
        raise Refusal(40094, message="Maximum number of follow-up messages for this interaction was reached")
    message = await _post(rest, interaction, body, call)
    interaction.followups.append(message)
    return message_json(rest, message)


async def get_followup(rest: Rest, call: Call) -> Json:
    return message_json(rest, _followup(rest, call))


async def patch_followup(rest: Rest, call: Call) -> Json:
    message = _followup(rest, call)
    await apply_edit(rest, message, call, parse=USERS_ONLY)
    return message_json(rest, message)


async def delete_followup(rest: Rest, call: Call) -> None:
    await rest.actions.delete(_followup(rest, call))


# -- the kinds of callback --------------------------------------------------------------------------------


async def _answer(rest: Rest, interaction: Interaction, data: Json, call: Call) -> None:
    check_message(data, call)
    interaction.response = await _post(rest, interaction, data, call)


async def _defer(rest: Rest, interaction: Interaction, data: Json, call: Call) -> None:
    """Defer a reply. Only EPHEMERAL may be chosen here; everything else comes with the edit."""
    flags = ((data.get("flags") or 0) & MessageFlag.EPHEMERAL) | MessageFlag.LOADING
    interaction.response = await _post(rest, interaction, {}, call, flags=flags)


async def _defer_update(rest: Rest, interaction: Interaction, data: Json, call: Call) -> None:
    interaction.response = interaction.source


async def _update(rest: Rest, interaction: Interaction, data: Json, call: Call) -> None:
    if interaction.source is None:
        raise Refusal(10008)
    await apply_edit(rest, interaction.source, call, parse=USERS_ONLY, body=data)
    interaction.response = interaction.source


async def _choose(rest: Rest, interaction: Interaction, data: Json, call: Call) -> None:
    interaction.choices = data.get("choices") or []


async def _open_modal(rest: Rest, interaction: Interaction, data: Json, call: Call) -> None:
    if not 1 <= len(data.get("components") or ()) <= MODAL_LIMIT:
        raise InvalidForm(
            "components", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {MODAL_LIMIT} in length."
        )
    interaction.modal = data


_CALLBACKS = {
    MESSAGE: _answer,
    DEFERRED: _defer,
    DEFERRED_UPDATE: _defer_update,
    UPDATE: _update,
    CHOICES: _choose,
    MODAL: _open_modal,
}
_ALLOWED = {
    2: {MESSAGE, DEFERRED, MODAL},
    3: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL},
    4: {CHOICES},
    5: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},
}


async def _post(
    rest: Rest, interaction: Interaction, body: Json, call: Call, *, flags: int | None = None
) -> Message:
    chosen: dict[str, Any] = message_fields(body)
    if flags is not None:
        chosen["flags"] = flags
    if chosen["flags"] & MessageFlag.EPHEMERAL:
        chosen["ephemeral_to"] = interaction.user_id
    reference = None
    if interaction.source is not None and interaction.type == 3:
        reference = rest.actions.reference(interaction.source)
    return await rest.actions.post(
        rest.world.channels[interaction.channel_id],
        BOT,
        body.get("content") or "",
        kind=_kind(interaction),
        reference=reference,
        allowed=body.get("allowed_mentions"),
        parse=USERS_ONLY,
        files=call.files,
        interaction=_metadata(rest, interaction),
        **chosen,
    )


# -- look-ups ---------------------------------------------------------------------------------------------


def _by_token(rest: Rest, call: Call) -> Interaction:
    interaction = rest.world.tokens.get(call.params["token"])
    if interaction is None:
        raise Refusal(10062)
    return interaction


def _live(rest: Rest, call: Call) -> Interaction:
    """Raises 50027 for tokens that are wrong or older than 15 minutes, 10015 for another application."""
    if call.params["application"] != str(APPLICATION):
        raise Refusal(10015)
    try:
        interaction = _by_token(rest, call)
    except Refusal:
        raise Refusal(50027) from None
    if rest.world.clock.now() - interaction.created_at > TOKEN_LIFE_S:
        raise Refusal(50027)
    return interaction


def _original(rest: Rest, interaction: Interaction) -> Message:
    if interaction.answered is None:
        raise Refusal(10015)
    if interaction.response is None or interaction.response.deleted:
        raise Refusal(10008)
    return interaction.response


def _followup(rest: Rest, call: Call) -> Message:
    interaction = _live(rest, call)
    wanted = ids_of(call, "message")
    known = [*interaction.followups, *([interaction.response] if interaction.response else [])]
    for message in known:
        if message.id == wanted and not message.deleted:
            return message
    raise Refusal(10008)


def _kind(interaction: Interaction) -> MessageType:
    return MessageType.DEFAULT if interaction.type in (3, 5) else MessageType(interaction.message_type)


def _metadata(rest: Rest, interaction: Interaction) -> Json:
    """https://docs.discord.com/developers/resources/message#message-interaction-metadata-object"""
    known: Json = {
        "id": str(interaction.id),
        "type": interaction.type,
        "user": wire.user(rest.world.people[interaction.user_id]),
        "authorizing_integration_owners": interaction.owners,
    }
    if interaction.name:
        known["name"] = interaction.name
    if interaction.type == 3 and interaction.source is not None:
        known["interacted_message_id"] = str(interaction.source.id)
    if interaction.response is not None:
        known["original_response_message_id"] = str(interaction.response.id)
    if interaction.opener is not None:
        known["triggering_interaction_metadata"] = _metadata(rest, interaction.opener)
    return known


def _callback_json(rest: Rest, interaction: Interaction, kind: int) -> Json:
    """https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-callback"""
    told: Json = {"id": str(interaction.id), "type": interaction.type}
    answer: Json = {"interaction": told}
    message = interaction.response
    if message is not None:
        told |= {
            "response_message_id": str(message.id),
            "response_message_loading": message.loading,
            "response_message_ephemeral": message.ephemeral_to is not None,
        }
        if kind in (MESSAGE, UPDATE):
            answer["resource"] = {"type": kind, "message": message_json(rest, message)}
    return answer


_W = "/webhooks/{application}/{token}"

ROUTES = (
    Route("POST", "/interactions/{interaction}/{token}/callback", post_callback, "callback", by_bot=False),
    Route("GET", f"{_W}/messages/@original", get_original, "webhook", "token", by_bot=False),
    Route("PATCH", f"{_W}/messages/@original", patch_original, "webhook", "token", by_bot=False),
    Route("DELETE", f"{_W}/messages/@original", delete_original, "webhook", "token", by_bot=False),
    Route("POST", _W, post_followup, "webhook", "token", by_bot=False),
    Route("GET", f"{_W}/messages/{{message}}", get_followup, "webhook", "token", by_bot=False),
    Route("PATCH", f"{_W}/messages/{{message}}", patch_followup, "webhook", "token", by_bot=False),
    Route("DELETE", f"{_W}/messages/{{message}}", delete_followup, "webhook", "token", by_bot=False),
)
