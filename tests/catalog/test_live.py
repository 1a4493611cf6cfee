"""The catalog over a real MongoDB: what is found, what is listed, and how changes arrive."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import quote

import orjson
import pytest
from openai.types import Model as OpenAiModel

from freetheai.catalog import Catalog
from freetheai.store.models import Loaded, Models
from freetheai.store.mongo import StoreUnavailable
from support.on_loop import eventually, on_loop
from support.stores import AT, open_store

LATER = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)

ROWS = [
    {"id": "opc/deepseek-v4:free", "display_name": "DeepSeek", "context_window": 128_000, "created": 1_763_856_000},
    {"id": "or/meta/llama"},
    {"id": "openai/gpt", "requires_seems_legit": True},
    {"id": "opc/secret", "visibility": "hidden"},
    {"id": "opc/off", "enabled": False},
]


@asynccontextmanager
async def open_catalog(url, database, rows=ROWS, timeout_s=5.0):
    async with open_store(url, database, timeout_s) as store:
        await Models(store).upsert(rows, AT)
        catalog = Catalog(store)
        await catalog.start()
        try:
            yield catalog
        finally:
            await catalog.close()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param("opc/deepseek-v4:free", "opc/deepseek-v4:free", id="exactly"),
        pytest.param("  opc/deepseek-v4:free\n", "opc/deepseek-v4:free", id="space around it"),
        pytest.param("opc/deepseek-v4:free[1m]", "opc/deepseek-v4:free", id="long context"),
        pytest.param("opc/deepseek-v4:free [1M] ", "opc/deepseek-v4:free", id="long context, loosely"),
        pytest.param(quote("or/meta/llama", safe=""), "or/meta/llama", id="encoded slashes"),
        pytest.param("opc%2Fdeepseek-v4%3Afree%5B1m%5D", "opc/deepseek-v4:free", id="all encoded"),
        pytest.param("".join(f"%{ord(c):02x}" for c in "or/meta/llama"), "or/meta/llama", id="each character"),
        pytest.param("models/or/meta/llama", "or/meta/llama", id="models in front"),
        pytest.param("openai/or/meta/llama", "or/meta/llama", id="a maker in front"),
        pytest.param("anthropic/or/meta/llama[1m]", "or/meta/llama", id="a maker in front, long context"),
        pytest.param("openai/gpt", "openai/gpt", id="a prefix that is a maker's name"),
        pytest.param("gpt", None, id="never without its own prefix"),
        pytest.param("openai/unknown", None, id="a maker in front of nothing"),
        pytest.param("models/models/or/meta/llama", None, id="one word in front, not two"),
        pytest.param("OR/META/LLAMA", None, id="capitals differ"),
        pytest.param("opc/secret", "opc/secret", id="hidden can be used"),
        pytest.param("opc/off", None, id="switched off cannot"),
        pytest.param("", None, id="nothing"),
        pytest.param("%", None, id="a broken escape"),
        pytest.param("%ff%fe", None, id="escapes that are no text"),
        pytest.param("\udcff", None, id="a lone surrogate"),
        pytest.param("x" * 1_000_000, None, id="a million characters"),
    ],
)
def test_an_alias_is_found_as_clients_write_it(mongo, database, asked, found):
    @on_loop
    async def scenario():
        async with open_catalog(mongo.url, database.name) as catalog:
            model = catalog.find(asked)
            assert (model.id if model else None) == found

    scenario()


@on_loop
async def test_the_list_has_what_both_families_of_clients_read(mongo, database):
    async with open_catalog(mongo.url, database.name) as catalog:
        listing = orjson.loads(catalog.listing())
        ids = [row["id"] for row in listing["data"]]
        assert ids == ["opc/deepseek-v4:free", "openai/gpt", "or/meta/llama"]
        assert listing["object"] == "list"
        assert (listing["has_more"], listing["first_id"], listing["last_id"]) == (False, ids[0], ids[-1])
        for row in listing["data"]:
            OpenAiModel.model_validate(row, strict=True)
            assert row["type"] == "model" and row["display_name"] and row["owned_by"] == "gateway"
            assert datetime.fromisoformat(row["created_at"]).timestamp() == row["created"]
        model = catalog.find("opc/deepseek-v4:free")
        assert orjson.loads(catalog.row(model)) == listing["data"][0]
        assert model.created_s == 1_763_856_000
        # Not said by the row: the time of its first load.
        assert catalog.find("or/meta/llama").created_s == int(AT.timestamp())


@on_loop
async def test_counts_and_full_rows_are_of_what_is_listed(mongo, database):
    async with open_catalog(mongo.url, database.name) as catalog:
        assert catalog.model_count == 3
        assert [catalog.count_with_prefix(prefix) for prefix in ("opc", "or", "none")] == [1, 1, 0]
        assert [row["id"] for _, row in catalog.full_rows()] == ["opc/deepseek-v4:free", "openai/gpt", "or/meta/llama"]
        assert catalog.verified_prefixes() == ["openai"]
        assert {model.id for model in catalog.models()} >= {"opc/secret"}
        assert catalog.updated_at == AT


@on_loop
async def test_an_empty_catalog_lists_nothing(mongo, database):
    async with open_catalog(mongo.url, database.name, rows=[]) as catalog:
        expected = {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}
        assert orjson.loads(catalog.listing()) == expected
        assert catalog.model_count == 0


@pytest.mark.parametrize(
    ("edit", "is_seen"),
    [
        pytest.param(
            lambda models: models.update_one({"id": "or/meta/llama"}, {"$set": {"context_window": 4096}}),
            lambda catalog: catalog.find("or/meta/llama").max_input_tokens == 4096,
            id="a number changed",
        ),
        pytest.param(
            lambda models: models.insert_one({"id": "new/model"}),
            lambda catalog: catalog.find("new/model") and b"new/model" in catalog.listing(),
            id="a document added with nothing but its id",
        ),
        pytest.param(
            lambda models: models.delete_one({"id": "or/meta/llama"}),
            lambda catalog: catalog.find("or/meta/llama") is None and catalog.model_count == 2,
            id="a document deleted",
        ),
        pytest.param(
            lambda models: models.update_one({"id": "opc/off"}, {"$set": {"enabled": True}}),
            lambda catalog: catalog.find("opc/off") is not None,
            id="an alias switched on",
        ),
        pytest.param(lambda models: models.drop(), lambda catalog: catalog.model_count == 0, id="everything gone"),
    ],
)
def test_an_edit_in_the_database_is_seen_without_a_notice(mongo, database, edit, is_seen):
    @on_loop
    async def scenario():
        async with open_catalog(mongo.url, database.name) as catalog:
            edit(database["models"])
            await eventually(lambda: is_seen(catalog))
            assert catalog.updated_at > AT

    scenario()


@on_loop
async def test_a_notice_makes_it_look_at_once(mongo, database, monkeypatch):
    monkeypatch.setattr("freetheai.catalog.live.LOOK_EVERY_S", 3600)
    async with open_catalog(mongo.url, database.name) as catalog:
        await Models(catalog._models._store).set_enabled("or/meta/llama", is_enabled=False, at=LATER)
        assert catalog.find("or/meta/llama") is not None
        await catalog.refresh()
        assert catalog.find("or/meta/llama") is None


@on_loop
async def test_nothing_is_decoded_while_nothing_changes(mongo, database):
    async with open_catalog(mongo.url, database.name) as catalog:
        listing, model = catalog.listing(), catalog.find("or/meta/llama")
        await catalog.refresh()
        assert catalog.listing() is listing
        assert catalog.find("or/meta/llama") is model


@on_loop
async def test_a_document_that_is_no_model_is_left_out_and_logged(mongo, database, caplog):
    async with open_catalog(mongo.url, database.name) as catalog:
        database["models"].update_one({"id": "or/meta/llama"}, {"$set": {"roles": "vip"}})
        database["models"].insert_one({"no": "id"})
        await catalog.refresh()
        assert catalog.find("or/meta/llama") is None
        assert catalog.find("opc/deepseek-v4:free") is not None
        reasons = {record.reason for record in caplog.records if record.message == "a model is left out"}
        assert reasons == {"roles: must be a list of at most 100", "id: is missing"}


@pytest.mark.parametrize("outage", ["freeze", "kill"])
def test_without_mongodb_the_last_catalog_stays_and_changes_are_seen_afterwards(own_mongo, outage):
    @on_loop
    async def scenario():
        async with open_catalog(own_mongo.url, "outage", timeout_s=1.0) as catalog:
            getattr(own_mongo, outage)()
            await catalog.refresh()
            assert catalog.find("or/meta/llama") is not None and catalog.model_count == 3
            own_mongo.thaw() if outage == "freeze" else own_mongo.start()
            models = catalog._models
            await eventually(lambda: _switched_off(models, "or/meta/llama"))
            await eventually(lambda: catalog.find("or/meta/llama") is None)

    scenario()


async def _switched_off(models, alias):
    try:
        return await models.set_enabled(alias, is_enabled=False, at=LATER)
    except StoreUnavailable:
        return None


@on_loop
async def test_a_start_without_mongodb_is_refused():
    from freetheai.store.mongo import Store

    store = Store("mongodb://127.0.0.1:1/", "none", timeout_s=0.3)
    with pytest.raises(StoreUnavailable):
        await Catalog(store).start()
    await store.close()


@on_loop
async def test_loading_again_changes_what_changed_and_keeps_the_time_of_creation(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        models = Models(store)
        first = [{"id": "a/one", "context_window": 5, "roles": ["vip"]}, {"id": "a/two"}]
        assert await models.upsert(first, AT) == Loaded(["a/one", "a/two"], [], [])
        assert await models.upsert(first, LATER) == Loaded([], [], ["a/one", "a/two"])
        second = [{"id": "a/one", "max_output_tokens": 7}, {"id": "a/three"}]
        assert await models.upsert(second, LATER) == Loaded(["a/three"], ["a/one"], [])
        one, two = await models.find("a/one"), await models.find("a/two")
        # What the row says no longer is gone, and other aliases stay.
        assert (one["context_window"], one["roles"], one["max_output_tokens"]) == (None, [], 7)
        assert (one["created"], one["created_at"], one["updated_at"]) == (int(AT.timestamp()), AT, LATER)
        assert two["updated_at"] == AT
        assert (await models.find("a/three"))["created"] == int(LATER.timestamp())


@on_loop
async def test_what_staff_switched_off_stays_off_when_its_row_says_nothing_of_it(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        models = Models(store)
        await models.upsert([{"id": "a/one"}], AT, only_new=True)
        assert (await models.find("a/one"))["enabled"] is True
        await models.set_enabled("a/one", is_enabled=False, at=LATER)
        assert await models.upsert([{"id": "a/one", "context_window": 9}], LATER, only_new=True) == Loaded(
            [], ["a/one"], []
        )
        found = await models.find("a/one")
        assert (found["enabled"], found["context_window"]) == (False, 9)


@on_loop
async def test_what_staff_changed_survives_a_start_until_the_row_changes(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        models = Models(store)
        row = {"id": "a/one", "enabled": True}
        await models.upsert([row], AT, only_new=True)
        await models.set_enabled("a/one", is_enabled=False, at=LATER)
        assert await models.upsert([row], LATER, only_new=True) == Loaded([], [], ["a/one"])
        assert (await models.find("a/one"))["enabled"] is False

        row = {**row, "context_window": 9}
        assert await models.upsert([row], LATER, only_new=True) == Loaded([], ["a/one"], [])
        assert (await models.find("a/one"))["enabled"] is True

        # Not at a start but asked for: the row is right, changed or not.
        await models.set_enabled("a/one", is_enabled=False, at=LATER)
        assert await models.upsert([row], LATER) == Loaded([], ["a/one"], [])
        assert (await models.find("a/one"))["enabled"] is True


@on_loop
async def test_two_that_load_at_the_same_moment_make_one_document_of_each_alias(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        rows = [{"id": f"a/{number}"} for number in range(50)]
        await asyncio.gather(*(Models(store).upsert(rows, AT) for _ in range(4)))
        assert database["models"].count_documents({}) == 50
