"""The size of the object store follows the setting; a disk that is too small is no reason not to start."""

import pytest
from nats.js import JetStreamContext

from opsrail.app import create_app
from opsrail.container import Container
from opsrail.settings import RetentionSettings, Settings
from opsrail_sdk.contracts import subjects


async def limit(js: JetStreamContext) -> int | None:
    (name,) = [
        info.config.name or ""
        for info in await js.streams_info()
        if (info.config.name or "").startswith("OBJ_artifacts-")
    ]
    assert name.startswith(f"OBJ_{subjects.artifacts_bucket('')}")
    return (await js.stream_info(name)).config.max_bytes


@pytest.mark.parametrize(("wanted", "set_aside"), [(8 << 20, 8 << 20), (1 << 60, -1)])
async def test_the_store_is_bounded_where_the_server_can(settings: Settings, wanted: int, set_aside: int) -> None:
    bounded = settings.model_copy(update={"retention": RetentionSettings(artifact_bytes=wanted)})
    app = create_app(bounded)
    async with app.router.lifespan_context(app):
        container: Container = app.state.container
        assert await limit(container.bus.js) == set_aside
