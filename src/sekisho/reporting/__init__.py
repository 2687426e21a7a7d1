"""What is told of a trial and of the desk: read from a store, recorded there first where it is a count.

with reading_only(url) as transaction:
report = read_report(config, transaction, Recording(url, now, by))
"""
