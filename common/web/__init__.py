"""The web pages and the HTTP API. They need the packages of `requirements/web.txt`."""
