"""Writers of what leaves the store: rows as files and folders, and logs of other tools. Pure: rows in, files out."""
