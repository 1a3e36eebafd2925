# What the plan needs to know. 'dogitops bootstrap' finds it out by itself; who plans without it copies this file to
# terraform.tfvars and writes their own.
ssh_keys              = { admin = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl admin" }
ssh_allowed_addresses = ["203.0.113.0/24"]
k3s                   = { version = "v1.34.4+k3s1", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } # that of the release
