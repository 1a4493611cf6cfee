"""Limits of an account, exact under any interleaving: one Lua script a step, on Redis' clock."""
