"""The verdict on an answer, the row of a report that counts verdicts, and deviations that are known."""
