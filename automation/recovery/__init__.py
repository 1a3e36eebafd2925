"""Backups and their proof: Velero, object inventory, data ledger, evidence."""
