"""Expressions held against Kea's own evaluator: what it said is kept in answers.txt."""
