"""Settings that cannot stand in pyproject.toml."""

from hypothesis import settings

# No deadline: a test never asserts a time. The blob replays a failure found on another machine.
settings.register_profile("project", deadline=None, print_blob=True)
settings.load_profile("project")
