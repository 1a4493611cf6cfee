"""HTTP in, HTTP out: one module a route; no provider is named here."""
