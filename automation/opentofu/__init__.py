"""Works on opentofu/: runs tofu and reads its plans."""
