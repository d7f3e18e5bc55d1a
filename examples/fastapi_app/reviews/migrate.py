"""Creates the index; run once before the app starts."""

import os

from elasticsearch import Elasticsearch

PROPERTIES = {"truck": {"type": "keyword"}, "stars": {"type": "byte"}, "text": {"type": "text"}}

elasticsearch = Elasticsearch(os.environ["ES_URL"])
elasticsearch.indices.create(index="reviews", mappings={"dynamic": "strict", "properties": PROPERTIES})
print("created the index reviews")
