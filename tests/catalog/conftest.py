from support.mongo_fixtures import database, mongo, own_mongo

__all__ = ["database", "mongo", "own_mongo"]
