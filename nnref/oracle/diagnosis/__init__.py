"""What a failing target behaves like."""
