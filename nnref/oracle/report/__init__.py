"""What a person or a program reads of a campaign: terminal text, scripts, JSON, HTML, JUnit XML."""
