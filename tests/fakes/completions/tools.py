"""Tools at the endpoint: which requests with tools it refuses, and a model that calls tools by name."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .reference import tool_problems
from .replies import Citing, Json, Raw, Status, Words, encode
from .statuses import INVALID, said

NO_TOOLS: dict[str, Status] = {
    "openrouter": Status(
        404,
        said(
            "No endpoints found that support tool use. To learn more about provider routing, visit: "
            "https://openrouter.ai/docs/guides/routing/provider-selection",
            code=404,
        ),
    ),
    "ollama": Status(400, said("registry.ollama.ai/library/gemma3:4b does not support tools", "api_error")),
    "vllm": Status(
        400,
        {
            "object": "error",
            "message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    "llamacpp": Status(500, said("tools param requires --jinja flag", "server_error", 500)),
    "groq": Status(400, said("`tool calling` is not supported with this model", INVALID)),
    "mistral": Status(
        400,
        {
            "object": "error",
            "message": "Function calling is not enabled for this model",
            "type": "invalid_request_function_call",
            "param": None,
            "code": "3051",
        },
    ),
    "pydantic": Status(
        422,
        {
            "detail": [
                {"type": "extra_forbidden", "loc": ["body", "tools"], "msg": "Extra inputs are not permitted"}
            ]
        },
    ),
    "chinese": Status(400, said("该模型不支持工具调用", INVALID, "20015")),
}
"""The refusal of a request that offers tools to a model without them, by vendor."""
NO_TOOL_CHOICE = Status(
    400, said("Unsupported parameter: 'tool_choice' is not supported with this model.", INVALID)
)
SIGNATURE_MISSING = Raw(
    (
        encode(
            [
                {
                    "error": {
                        "code": 400,
                        "message": "Function call is missing a thought_signature in functionCall parts. This is "
                        "required for tools to work correctly, and missing thought_signature may lead to degraded "
                        "model performance.",
                        "status": "INVALID_ARGUMENT",
                    }
                }
            ]
        ),
    ),
    400,
    (("Content-Type", "application/json"),),
    "length",
)
"""Google's compatible endpoint sends errors as a list."""
REASONING_MISSING = Status(
    400, said("The `reasoning_content` in the thinking mode must be passed back to the API.", INVALID)
)
MOST_TOOLS = 128
REASONING = "Let me look."


@dataclass(frozen=True, slots=True)
class ToolRules:
    """`takes`: the models take tools; else `vendor` (of NO_TOOLS) says how they are refused. `choice`: `tool_choice` is
    taken. `needs`: whose opaque fields have to come back behind a round with calls; `call_tools` sends them."""

    takes: bool = True
    vendor: str = "openrouter"
    choice: bool = True
    needs: Literal["", "gemini", "deepseek"] = ""

    def refusal(self, body: Json) -> Status | Raw | None:
        """The answer instead of the reply, where the request breaks a rule. Calls without results, results without
        calls, contents of results that are not text, and more than MOST_TOOLS tools are always refused."""
        if "tools" in body and not self.takes:
            return NO_TOOLS[self.vendor]
        if "tool_choice" in body and not self.choice:
            return NO_TOOL_CHOICE
        if wrong := next(tool_problems(body), ""):
            return Status(400, said(wrong, INVALID))
        made = [message for message in body["messages"] if message.get("tool_calls")]
        if self.needs == "gemini" and any(
            call.get("extra_content") != _signature(call["id"])
            for message in made
            for call in message["tool_calls"]
        ):
            return SIGNATURE_MISSING
        if self.needs == "deepseek" and any("reasoning_content" not in message for message in made):
            return REASONING_MISSING
        return None


ScriptedCall = tuple[str, Json]


def call_tools(
    *rounds: list[ScriptedCall],
    answer: str = "The tools say: {results}",
    remark: str = "",
    needs: Literal["", "gemini", "deepseek"] = "",
    ids: bool = True,
) -> Callable[[Json], Words]:
    """A model that calls tools by name: `fake.reply_by(call_tools([("current_time", {"zone": "CET"})]))`.

    Each of `rounds` is a list of (name, arguments); its calls are made at once, one round a request. A name is
    that of an offered tool, or the end of one behind `__`. Once all rounds are made, or where no tools are
    offered or may be called, it answers `answer`, with the texts of all results in place of `{results}`. The
    requests of a question are distinguished by the calls in them, so one function serves any number of
    questions at once. `remark` is said before the first calls. `needs` adds the fields that
    `ToolRules(needs=...)` wants back. `ids`: the calls have ids. For a tool that is not offered it answers
    "There is no tool NAME."
    """

    def reply(body: Json) -> Words:
        messages = body["messages"]
        made = sum(bool(message.get("tool_calls")) for message in messages)
        offered = [tool["function"]["name"] for tool in body.get("tools", [])]
        if made >= len(rounds) or not offered or body.get("tool_choice") == "none":
            results = [message["content"] for message in messages if message["role"] == "tool"]
            return Citing(answer.replace("{results}", " ".join(results)))
        calls: list[tuple[str, str, str]] = []
        for number, (name, arguments) in enumerate(rounds[made]):
            found = next((one for one in offered if one == name or one.endswith(f"__{name}")), None)
            if found is None:
                return Words(f"There is no tool {name}.")
            call_id = f"call_{made}_{number}" if ids else ""
            calls.append((call_id, found, json.dumps(arguments)))
        extras = tuple({"extra_content": _signature(call_id)} for call_id, _, _ in calls)
        return Words(
            "" if made else remark,
            reasoning=REASONING if needs == "deepseek" else None,
            calls=tuple(calls),
            extras=extras if needs == "gemini" else (),
        )

    return reply


def _signature(call_id: str) -> Json:
    return {"google": {"thought_signature": f"c2ln+{call_id}="}}
