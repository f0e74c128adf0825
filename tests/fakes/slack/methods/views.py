"""Modals and the Home tab: https://docs.slack.dev/surfaces/"""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.slack import blocks as block_kit
from tests.fakes.slack import payloads
from tests.fakes.slack.workspace import SlackError, View, Workspace

from .table import method

Json = dict[str, Any]


@method("views.open", "trigger_id", "view")
def open_view(space: Workspace, args: Json) -> Json:
    body = _view(args, "modal")
    view = View(space.new_id("V"), space.spend_trigger(args["trigger_id"]), body)
    space.views[view.id] = view
    return {"view": payloads.view_body(view)}


@method("views.update", "view")
def update_view(space: Workspace, args: Json) -> Json:
    named = (
        v for v in space.views.values() if v.body.get("external_id") == (args.get("external_id") or object())
    )
    view = space.views.get(args.get("view_id", "")) or next(named, None)
    if view is None:
        raise SlackError("not_found")
    return {"view": _shown(view, args, "modal")}


@method("views.publish", "user_id", "view")
def publish_view(space: Workspace, args: Json) -> Json:
    if args["user_id"] not in space.people:
        raise SlackError("user_not_found")
    view = space.homes.setdefault(args["user_id"], View(space.new_id("V"), args["user_id"], {}))
    return {"view": _shown(view, args, "home")}


def _shown(view: View, args: Json, kind: str) -> Json:
    if args.get("hash") not in (None, view.hash):
        raise SlackError("hash_conflict")
    view.body, view.hash = _view(args, kind), str(int(view.hash) + 1)
    return payloads.view_body(view)


def _view(args: Json, kind: str) -> Json:
    view: Json = args["view"]
    if len(json.dumps(view).encode()) > block_kit.VIEW_MAX_BYTES:
        raise SlackError("view_too_large")
    if found := list(block_kit.view_problems(view, kind)):
        raise SlackError("invalid_arguments", messages=[f"[ERROR] {problem}" for problem in found])
    return view | {"blocks": block_kit.completed(view["blocks"])}
