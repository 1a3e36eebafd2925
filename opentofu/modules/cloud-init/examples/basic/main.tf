module "cloud_init" {
  source = "../.."

  design             = "kubeadm"
  kubernetes_version = "1.34.4"
  snapshots = {
    bucket_url = "https://fra1.digitaloceanspaces.com/dogitops-example-backups"
  }
}

# What a module does with it: kubeadm-cluster fills in the rest, for each machine.
output "worker" {
  sensitive = true
  value = templatestring(module.cloud_init.user_data, {
    name               = "dogitops-example"
    role               = "worker"
    number             = "1"
    kubernetes_version = "1.34.4"
    control_planes     = 3
    endpoint           = "10.20.0.5:6443"
    pod_subnet         = "10.112.0.0/14"
    service_subnet     = "10.96.0.0/16"
  })
}
