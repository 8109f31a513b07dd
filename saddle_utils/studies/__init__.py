"""One study for each notebook: what it trains, measures and draws, and what its explorer turns.

`figure1` and `figure2` hold the runs that several notebooks share; no study imports another.
"""
