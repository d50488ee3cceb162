"""Where cases come from: the line that describes one, those that every run visits, and those that hypothesis draws."""
