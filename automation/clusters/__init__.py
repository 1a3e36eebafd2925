"""Cluster providers behind one Protocol: kind, k3d and an existing kubeconfig."""
