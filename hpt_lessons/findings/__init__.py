"""What we claim: each claim of the course with the code that prints its numbers (`python -m hpt_lessons.findings`)."""
