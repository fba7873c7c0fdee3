"""What all tests share."""


def pytest_collection_modifyitems(items):
    """The longest test first, so that the other worker has something to do meanwhile."""
    items.sort(key=lambda item: "test_replay" not in item.nodeid)
