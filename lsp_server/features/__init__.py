"""What an editor can ask for, on the wire: each module owns one feature's requests and answers, and makes none."""
