"""Cases: the line that describes one, the cases of every run, and the cases that hypothesis draws."""
