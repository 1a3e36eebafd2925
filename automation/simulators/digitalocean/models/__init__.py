"""Resources and what happens to them, one file a resource; without HTTP."""
