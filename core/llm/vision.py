"""Decides which images a model receives, by its catalog entry and by earlier refusals of its endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from cachetools import FIFOCache

from core.errors import Code, ModelError
from core.llm.catalog import Route
from core.llm.context_windows import TOO_LONG
from core.llm.image_refusals import ImageRefusal
from core.llm.images import ToWords, keep_images, newest_images
from core.ports.model import Request
from core.values.conversation import Message
from core.values.deltas import ModelInfo
from core.values.parts import Image

LEARNT_S = 86_400.0
"""Seconds for which a refusal counts: a model may be replaced by one with vision."""
MOST_IMAGES = 10
"""Maximum images of one request. Gemini through Copilot takes 10, others more:
https://github.com/microsoft/vscode/issues/306919"""
KEPT = 1_000
"""Maximum models, and maximum images, whose refusals are kept."""

_REFUSALS = frozenset(ImageRefusal)
_COUNTED_AS_TEXT = 4
"""An endpoint that counts this many times the estimated tokens treats image data as text."""


@dataclass(frozen=True, slots=True)
class ImageCut:
    """The consequence of a refusal of the images `shown`, oldest first: only the newest `most` are sent."""

    refusal: ImageRefusal
    shown: tuple[Image, ...]
    most: int


@dataclass(slots=True)
class Vision:
    """Learned refusals: for each model its maximum number of images, and the images that it refuses."""

    _most: FIFOCache[str, tuple[int, float]] = field(default_factory=lambda: FIFOCache(KEPT))
    _refused: FIFOCache[tuple[str, int], float] = field(default_factory=lambda: FIFOCache(KEPT))

    def model_info(self, route: Route, now: float) -> ModelInfo:
        """The `ModelInfo` of `route`, with `images` False if it is known to have no vision."""
        return route.model_info if self._most_images(route, now) else replace(route.model_info, images=False)

    def show(self, route: Route, request: Request, now: float, words: ToWords) -> Request:
        """`request` with text in place of the images that the model of `route` does not receive."""
        left = self._most_images(route, now)

        def keep(image: Image) -> bool:
            nonlocal left
            if left <= 0 or self._is_refused(route, image, now):
                return False
            left -= 1
            return True

        return _with(request, keep_images(request.messages + request.steps, keep, words))

    def first_with_vision(self, routes: Sequence[Route], now: float) -> Route | None:
        """The first of `routes` whose model has vision; else the first whose model may have it."""
        seeing = [route for route in routes if self._most_images(route, now)]
        return next((route for route in seeing if route.model_info.images), seeing[0] if seeing else None)

    def learn(self, route: Route, cuts: Sequence[ImageCut], now: float) -> None:
        """Record the images that the endpoint of `route` has refused."""
        until = now + LEARNT_S
        for cut in cuts:
            if cut.refusal is ImageRefusal.ALL or (cut.refusal is ImageRefusal.COUNT and cut.most):
                self._most[route.offer] = cut.most, until
        for image in _refused_images(cuts):
            self._refused[route.offer, hash(image.url)] = until

    def refused(self, route: Route, images: Iterable[Image], now: float) -> tuple[Image, ...]:
        """The images that the endpoint of `route` refuses although its model has vision."""
        return tuple(image for image in images if self._is_refused(route, image, now))

    def _is_refused(self, route: Route, image: Image, now: float) -> bool:
        return bool(self._refused) and self._refused.get((route.offer, hash(image.url)), now) > now

    def _most_images(self, route: Route, now: float) -> int:
        if route.model_info.images is False:
            return 0
        most, until = self._most.get(route.offer, (MOST_IMAGES, now))
        return most if now < until else MOST_IMAGES


def show_newest(request: Request, most: int, words: ToWords) -> Request:
    """`request` with text in place of all but the newest `most` images."""
    return _with(request, newest_images(request.messages + request.steps, most, words))


def cut_after(error: ModelError, shown: Sequence[Image], estimate_tokens: int) -> ImageCut | None:
    """The images to leave out of `shown` after `error`; None if they are not at fault.

    After a refusal for an unknown reason the older images are left out, then all of them. `estimate_tokens`: the
    estimate of the request.
    """
    refusal = _refusal(error, estimate_tokens)
    if refusal is None or not shown:
        return None
    most = 1 if len(shown) > 1 else 0
    if refusal is ImageRefusal.ALL:
        most = 0
    elif 0 < error.limit.images < len(shown):
        most = error.limit.images
    return ImageCut(refusal, tuple(shown), most)


def _with(request: Request, messages: tuple[Message, ...]) -> Request:
    """`request` with `messages` in place of its messages and steps."""
    count = len(request.messages)
    return replace(request, messages=messages[:count], steps=messages[count:])


def _refusal(error: ModelError, estimate_tokens: int) -> ImageRefusal | None:
    if error.parameter in _REFUSALS:
        return ImageRefusal(error.parameter)
    if error.code in TOO_LONG and error.limit.asked_tokens > _COUNTED_AS_TEXT * estimate_tokens:
        return ImageRefusal.ALL
    if error.code is Code.TOO_LARGE and not error.limit.tokens:
        return ImageRefusal.COUNT
    if error.code in (Code.BAD_REQUEST, Code.POLICY) and not error.parameter:
        return ImageRefusal.SOME
    return None


def _refused_images(cuts: Sequence[ImageCut]) -> tuple[Image, ...]:
    """The images without which the endpoint answered, if the refusal was about individual images."""
    last = cuts[-1]
    if any(cut.refusal is ImageRefusal.ALL for cut in cuts):
        return ()
    if last.refusal is ImageRefusal.COUNT and last.most:
        return ()
    return last.shown[: len(last.shown) - last.most]
