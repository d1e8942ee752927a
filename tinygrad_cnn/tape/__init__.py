"""The tape: operations that record themselves, and the walk back over what they recorded. It knows arrays only."""
