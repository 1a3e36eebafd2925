"""Works on gitops/: serves the repository, hands it to Argo CD and waits for it; seeds secrets."""
