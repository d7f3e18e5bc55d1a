"""pytest fixtures for a throwaway container network with Elasticsearch and a web app on it."""
