"""The Hub's cache on disk: values read from it, and what keeps its processes apart.

layout, locate, sites, folder       names and places; which folder counts, and who decided it
scan, refs, manifest, usage …       a cache folder read into frozen values
complete/                           is every needed file there? (`check`)
intact/                             are the bytes right, and remembered? (`verify`)
use/                                who uses what, now and when; who needs it
leftovers/                          what no revision needs
pickles/                            what loading a pickle would run
locks, soft_locks, publishing …     how anything is changed beside other processes
state, registry                     our own hints, beside the cache and for each user
"""
