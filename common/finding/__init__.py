"""From a grey page to the places of its digits, in reading order."""
