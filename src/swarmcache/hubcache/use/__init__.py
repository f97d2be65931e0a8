"""Who uses what, now and when: leases, open files, last use, and who needs what."""
