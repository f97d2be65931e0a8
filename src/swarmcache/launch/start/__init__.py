"""What a start is given: its models, answers, endpoint, token and environment."""
