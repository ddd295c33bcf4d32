"""The worker: takes jobs from the ledger and does them, durably, in processes it can end at any moment.

`main.run_worker` is the entry. It is not imported here, so that a runner need not load DBOS. What a kind of job does is
a service's business.
"""
