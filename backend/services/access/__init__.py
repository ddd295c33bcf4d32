"""Access: people and roles, what a role permits, and the names people may choose."""
