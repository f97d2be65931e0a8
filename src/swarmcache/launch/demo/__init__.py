"""The whole story on this machine without internet: a Hub, models, a project, a trainer."""
