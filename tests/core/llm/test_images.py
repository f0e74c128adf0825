"""Pictures in a prompt: how they count, which are left out first, and what the fake endpoint refuses."""

from __future__ import annotations

import httpx
import pytest

from core.llm.image_refusals import ImageRefusal, image_limit, image_refusal
from core.llm.images import images_of, missing_images, newest_images
from core.llm.messages import message_to_json, message_to_text
from core.llm.prompt_fitting import LEFT_OUT, estimate_messages, fit
from core.ports.model import Request
from core.values.conversation import Message, text_message
from core.values.deltas import ModelInfo
from core.values.parts import Image, Text
from tests.fakes.completions import FakeCompletions, PictureRules

URL = "data:image/png;base64,"
SYSTEM = text_message("system", "Be brief.")


def shown(number: int, *, tokens: int = 1_000, words: str = "") -> Message:
    return Message(
        "user", (Text(words or f"Ada: number {number}"), Image(f"{URL}{number:04}", f"{number}.png", tokens))
    )


def fitted(context_tokens: int, *messages: Message, **more: bool) -> tuple[Message, ...]:
    request = Request((SYSTEM, *messages), "m", max_tokens=100, **more)  # type: ignore[arg-type]
    return fit(request, ModelInfo("m", context_tokens))


def names(messages: tuple[Message, ...]) -> list[str]:
    return [image.name for image in images_of(messages)]


def test_a_picture_counts_as_many_tokens_as_a_model_counts_for_it() -> None:
    bare = text_message("user", "Ada: number 1")
    assert estimate_messages((shown(1),)) == estimate_messages((bare,)) + 1_000


def test_the_oldest_pictures_go_before_any_message_does() -> None:
    messages = [shown(number) for number in range(4)]
    kept = fitted(2_600, *messages)
    assert names(kept) == ["2.png", "3.png"]
    assert [message_to_text(message) for message in kept[1:3]] == [
        "Ada: number 0\n\n(The picture 0.png was attached, but you cannot see it.)",
        "Ada: number 1\n\n(The picture 1.png was attached, but you cannot see it.)",
    ]
    assert LEFT_OUT not in kept[0].text
    assert estimate_messages(kept) <= 2_600


def test_the_pictures_of_the_last_message_stay_while_older_messages_can_go() -> None:
    older = text_message("user", "word " * 2_000)
    kept = fitted(2_500, older, shown(1), shown(2, tokens=1_500))
    assert names(kept) == ["2.png"]
    assert LEFT_OUT in kept[0].text


def test_pictures_of_the_last_message_go_only_as_far_as_they_are_too_large_alone() -> None:
    images = [Image(f"{URL}{number}", f"{number}.png", 600) for number in range(3)]
    kept = fitted(1_500, Message("user", (Text("Which is best?"), *images)))
    assert names(kept) == ["1.png", "2.png"]
    assert "The picture 0.png was attached, but you cannot see it." in message_to_text(kept[-1])


def test_in_a_joined_request_pictures_are_words() -> None:
    kept = fitted(100_000, shown(1), shown(2), joined=True)
    assert names(kept) == []
    assert kept[-1].text == (
        "Ada: number 1\n\n(The picture 1.png was attached, but you cannot see it.)\n"
        "Ada: number 2\n\n(The picture 2.png was attached, but you cannot see it.)"
    )


def test_the_newest_pictures_are_kept_and_the_missing_ones_are_known() -> None:
    both = Message("user", (Image(f"{URL}a", "a"), Text("and"), Image(f"{URL}b", "b")))
    kept = newest_images((both, shown(1)), 2)
    assert names(kept) == ["b", "1.png"]
    assert [image.name for image in missing_images((both, shown(1)), kept)] == ["a"]


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_only_messages_of_the_user_hold_pictures(role: str) -> None:
    message = Message(role, (Text("Look:"), Image(f"{URL}a", "a.png")))  # type: ignore[arg-type]
    assert message_to_json(message) == [
        {"role": role, "content": "Look:\n\n(The picture a.png was attached, but you cannot see it.)"}
    ]


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ("this model does not support images in webp format", ImageRefusal.SOME),
        ("image/webp is not a supported image type", ImageRefusal.SOME),
        ("the image you sent could not be downloaded", ImageRefusal.SOME),
        ("the model cannot process images", ImageRefusal.ALL),
        ("multimodal input is not enabled for this deployment", ImageRefusal.ALL),
        ("images are not supported by this model", ImageRefusal.ALL),
        ("content must be a string", ImageRefusal.ALL),
        ("该模型不支持视觉理解", ImageRefusal.ALL),
        ("不支持的图片格式", ImageRefusal.SOME),
        ("the maximum number of images is 3", ImageRefusal.COUNT),
        ("total tokens of image and text exceed max message tokens", None),
        ("temperature must be between 0 and 2", None),
        ("the request contains no messages", None),
    ],
)
def test_a_refusal_tells_a_model_that_does_not_see_from_a_picture_that_is_not_taken(
    said: str, refusal: ImageRefusal | None
) -> None:
    assert image_refusal(400, said) is refusal


def test_no_refusal_of_an_account_is_about_pictures() -> None:
    assert not any(
        image_refusal(status, "images are not supported") for status in (401, 402, 403, 429, 502, 503)
    )


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ("at most 4 image(s) may be provided in one prompt", 4),
        ("11 images provided, but the model supports a maximum of 10 images", 10),
        ("too many images: 120 + 0 > 100", 100),
        ("max is 10", 10),
        ("image exceeds 5 mb maximum: 6291456 bytes > 5242880 bytes", 0),
        ("too many images", 0),
    ],
)
def test_the_number_of_pictures_that_a_refusal_names_is_read(said: str, limit: int) -> None:
    assert image_limit(said) == limit


async def refusals(rules: PictureRules, *messages: dict[str, object]) -> tuple[int, list[str]]:
    """The status of the answer, and what the fake finds wrong with the request."""
    async with FakeCompletions(pictures=rules) as fake, httpx.AsyncClient(trust_env=False) as client:
        body = {"model": "test-model", "messages": [*messages]}
        headers = {"Authorization": "Bearer sk-test"}
        answer = await client.post(f"{fake.base_url}/chat/completions", json=body, headers=headers)
        return answer.status_code, fake.problems


def user(*parts: object) -> dict[str, object]:
    return {"role": "user", "content": list(parts)}


def part(url: str) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}}


async def test_the_fake_refuses_what_strict_endpoints_refuse_of_pictures() -> None:
    fine, png = PictureRules(most=5), part(f"{URL}aGk=")
    assert await refusals(fine, user(png)) == (200, [])
    assert await refusals(fine, user(*[png] * 6)) == (400, [])
    assert await refusals(PictureRules(sees=False, vendor="openrouter"), user(png)) == (404, [])
    assert await refusals(PictureRules(sees=False, vendor="ollama"), user(png)) == (500, [])
    empty: dict[str, object] = {"role": "user", "content": ""}
    for wrong in (
        user(part("https://example.com/a.png")),
        user(part("data:image/webp;base64,aGk=")),
        user(png, {"type": "text", "text": " "}),
        empty,
    ):
        status, problems = await refusals(fine, wrong)
        assert (status, len(problems)) == (400, 1), wrong
    status, problems = await refusals(fine, user(png), {"role": "assistant", "content": [png]})
    assert (status, len(problems)) == (400, 1)
