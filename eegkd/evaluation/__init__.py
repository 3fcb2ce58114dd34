"""From fitted decoders to numbers: splits, metrics, statistics."""
