"""Policies that decide prices and demands, and the keyed draws that make them repeatable."""
