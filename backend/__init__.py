"""Second Thoughts without its pages: everything the app, the worker and the command line share."""
