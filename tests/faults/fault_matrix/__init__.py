"""The fault matrix: real processes, one fault at a time, twenty requests a second, every answer held against the contract."""
