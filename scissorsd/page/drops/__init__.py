"""Files that come to the page: put whole into an inbox; the quick desk's are taken away in time."""
