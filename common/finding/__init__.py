"""Finds the digits on a grey page and puts them into reading order."""
