"""The real program, killed again and again, between people who only see whether they are answered."""
