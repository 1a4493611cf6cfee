"""Xiaomi MiMo."""
