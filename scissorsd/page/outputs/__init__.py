"""Files that leave the page: pictures as they are, small ones, finished ones, zips."""
