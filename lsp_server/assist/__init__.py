"""What a developer asks for in words: explanations, fixes and tests, from the prompt to an edit that was checked."""
