"""focus-ai: AI usage and cost exports in, exact FOCUS data sets out.

The package is a house of rooms; data flows one way through them (see `focus_ai.pipeline`):
sources, adapters, usage, ownership, pricing, focus, sinks. The command line is in `focus_ai.cli`.
"""

__version__ = "0.1.0"
