"""Where rows come from. One module a kind of source; each can be looped over for batches (ports.Source)."""
