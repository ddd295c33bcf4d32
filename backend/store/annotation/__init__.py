"""The ledger of annotation: people, projects with their items, and the log of labels."""
