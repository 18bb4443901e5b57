"""Why it does not work: what is known of storages and their buckets, judged check by check.

Pure: facts in, diagnoses out. `facts` says what is known; each other module holds checks by what they are about.
"""
