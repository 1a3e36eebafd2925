output "user_data" {
  description = "The text, for `user_data` of `single-node` or `kubeadm-cluster`, which fill in the rest."
  value       = local.user_data
  sensitive   = true
}
