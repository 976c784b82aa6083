"""The workspace's symbols and their edges: owns how they are found, kept and asked for; knows no editor."""
