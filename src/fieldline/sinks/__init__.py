"""Where rows go: one module a store or a transport, each a `ports.Sink`; tests/test_sinks.py runs them all."""
