"""Elasticsearch: what a node is, its service, what is in it."""
