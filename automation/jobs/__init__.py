"""The verbs: one file each, composing the rooms; a workflow step or a command runs one job."""
