# What the plan needs to know and nobody can guess: copy it to terraform.tfvars and write your own.
ssh_keys              = { admin = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl admin" }
ssh_allowed_addresses = ["203.0.113.0/24"]
