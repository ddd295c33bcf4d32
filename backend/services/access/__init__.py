"""Who may do what: people, roles, authorization, and the names people may choose."""
