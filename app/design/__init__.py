"""What a person draws, as plain values. No Qt, no torch."""
