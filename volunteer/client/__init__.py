"""The only room that knows `requests`: the volunteer's API as methods. Knows no disk layout, no training, no states."""
