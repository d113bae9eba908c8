"""The lessons: text, exercises, checks, and what belongs to one lesson alone."""
