"""The tape: operations that record themselves, and the backward pass over what they recorded, on arrays."""
