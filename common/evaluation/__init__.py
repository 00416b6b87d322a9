"""How well models read: metrics, scores and plots."""
