"""Small instruments for the lessons: a pure function, a figure and a thin widget in each module."""
