"""The tests of phrases under their former path, which checks before a merge still name."""

from tests.core.test_i18n import *  # noqa: F403
