"""The page to draw on and the HTTP interface behind it; needs `requirements/web.txt`."""
