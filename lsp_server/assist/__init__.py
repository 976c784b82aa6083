"""What a developer asks for in words: explanations."""
