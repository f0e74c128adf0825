"""What a person is told of the files of their question, under the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from core.ports.model import Request
from core.values.conversation import Ask
from core.values.deltas import Delta, Ended, EndReason, ImagesRefused, ModelInfo, ModelSelected
from core.values.parts import Attached, File, FileProblem, Image, Text, Unread
from tests.core.turns.test_runner import ADA, PLACE, Rig
from tests.fakes.files import PICTURE, FilePlatform

CAT = File("../cat.png", "image/png", source="F1")
NOTES = File("notes.pdf", "application/pdf", source="F2")
OF_ALL = (CAT, NOTES, Unread("list"))


class Shown:
    """A model that answers, and says what became of the pictures."""

    def __init__(self, *, sees: bool | None = None, refuses: bool = False, takes: bool = True) -> None:
        self.sees = sees
        self.refuses = refuses
        self.takes = takes and sees is not False and not refuses
        self.requests: list[Request] = []

    async def stream(self, request: Request) -> AsyncIterator[Delta]:
        self.requests.append(request)
        images = tuple(
            part for message in request.messages for part in message.parts if isinstance(part, Image)
        )
        yield ModelSelected(ModelInfo("m", images=self.sees), 9, () if self.takes else images)
        if images and self.refuses:
            yield ImagesRefused(images)
        yield Text("A cat.")
        yield Ended(EndReason.STOP)


async def notices(model: Shown, *questions: tuple[Attached, ...]) -> list[str]:
    """The notice under the answer to each question."""
    rig = Rig(FilePlatform(F1=PICTURE, F2=FileProblem.ENCRYPTED), model=model)
    async with rig.delivering():
        for number, attached in enumerate(questions):
            at = datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC)
            turn = await rig.store.accept(
                Ask(f"m{number}", PLACE, ADA, "what is it?", at, addressed=True, attached=attached)
            )
            assert turn is not None
            rig.place_queues.submit(turn)
            await rig.until_ended(turn)
    return [rig.views(f"p{number}")[-1][1] for number in range(len(questions))]


ENCRYPTED = "I couldn't read notes.pdf: it is protected by a password."


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Shown(), ["I couldn't read a list in your message.", ENCRYPTED]),
        (
            Shown(sees=False),
            [
                "I couldn't read a list in your message.",
                ENCRYPTED,
                "I couldn't read cat.png: the model can't see pictures.",
            ],
        ),
        (
            Shown(refuses=True),
            [
                "I couldn't read a list in your message.",
                ENCRYPTED,
                "I couldn't read cat.png: the AI service did not accept the picture.",
            ],
        ),
        (
            Shown(takes=False),
            [
                "I couldn't read a list in your message.",
                ENCRYPTED,
                "I couldn't read cat.png: there are more files than I can read for one question.",
            ],
        ),
    ],
    ids=["seen", "blind", "refused", "left out"],
)
async def test_what_was_not_read_is_told_once_and_the_question_is_answered(
    model: Shown, told: list[str]
) -> None:
    assert await notices(model, OF_ALL, ()) == ["\n".join(told), ""]


async def test_the_model_sees_the_picture_until_an_endpoint_refuses_it() -> None:
    model = Shown(refuses=True)
    await notices(model, OF_ALL, (), ())
    shown = [
        any(isinstance(part, Image) for one in request.messages for part in one.parts)
        for request in model.requests
    ]
    assert shown == [True, False, False]


async def test_files_that_could_not_be_read_are_told_by_their_reason_and_many_not_by_name() -> None:
    names = [f"{'n' * 70}{number}.pdf" for number in range(9)]
    files = tuple(File(name, "application/pdf", problem=FileProblem.ENCRYPTED) for name in names)
    (notice,) = await notices(Shown(), (*files, File("b.zip", problem=FileProblem.BOMB)))
    first, other = notice.splitlines()
    assert first.startswith("I couldn't read nnn")
    assert first.endswith("3.pdf and 5 more: it is protected by a password.")
    assert "b.zip" in other


async def test_all_that_is_told_of_files_fits_one_message() -> None:
    problems = [problem for problem in FileProblem for _ in range(9)]
    files = tuple(File(f"{'n' * 70}{number}", problem=problem) for number, problem in enumerate(problems))
    (notice,) = await notices(Shown(), files)
    assert len(notice) <= 1_200
