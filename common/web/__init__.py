"""The web page to draw on and its HTTP API; needs `requirements/web.txt`."""
