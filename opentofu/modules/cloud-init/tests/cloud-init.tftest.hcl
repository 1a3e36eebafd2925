run "writes_user_data_for_k3s" {
  command = plan

  variables {
    design = "k3s"
    k3s    = { version = "v1.34.4+k3s1", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
  }

  assert {
    condition     = startswith(output.user_data, "#cloud-config\n") && length(output.user_data) < 64000
    error_message = "It is no user data, or too long for DigitalOcean."
  }

  assert {
    condition     = strcontains(output.user_data, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef https://github.com/k3s-io/k3s/releases/download/v1.34.4%2Bk3s1/k3s /usr/local/bin/k3s\n")
    error_message = "K3s is not downloaded at its version, with its checksum."
  }

  assert {
    condition     = strcontains(output.user_data, "ROLE=\"$${role}\"") && strcontains(output.user_data, "STATE=\"$$${DOGITOPS_STATE:-")
    error_message = "What the modules fill in, and what the shell does, are not told apart."
  }

  assert {
    condition     = strcontains(output.user_data, "/steps/40-volume.sh") && !strcontains(output.user_data, "kubeadm") && !strcontains(output.user_data, "PRIVATE KEY")
    error_message = "Steps are missing, or something of another design is in it."
  }
}

run "writes_user_data_for_kubeadm" {
  command = plan

  variables {
    design             = "kubeadm"
    kubernetes_version = "1.34.4"
    manifests          = [{ url = "https://example.com/policies.yaml", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }]
    snapshots          = { bucket_url = "https://fra1.digitaloceanspaces.com/dogitops-test" }
    oidc               = { issuer_url = "https://accounts.example.com", client_id = "dogitops" }
  }

  assert {
    condition = alltrue([
      for wanted in ["/bin/linux/amd64/kubelet /usr/local/bin/kubelet", "containerd-static-2.2.7", "calico-vxlan.yaml /etc/dogitops/manifests/00.yaml", "policies.yaml /etc/dogitops/manifests/01.yaml", "NETWORK=\"calico\"",
      "BUCKET_URL=\"https://fra1.digitaloceanspaces.com/dogitops-test\"", "oidc-issuer-url, value: \"https://accounts.example.com\"", "audit-policy-file"] :
      strcontains(output.user_data, wanted)
    ])
    error_message = "A part of the cluster is missing."
  }

  assert {
    condition     = startswith(output.user_data, "#cloud-config\n") && length(output.user_data) < 64000
    error_message = "It is no user data, or too long for DigitalOcean."
  }
}

run "downloads_from_elsewhere" {
  command = plan

  variables {
    design    = "kubeadm"
    artifacts = [{ url = "http://10.0.0.9/kubeadm", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", path = "/usr/local/bin/kubeadm" }]
  }

  assert {
    condition     = strcontains(output.user_data, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef http://10.0.0.9/kubeadm /usr/local/bin/kubeadm\n") && !strcontains(output.user_data, "dl.k8s.io")
    error_message = "It is not downloaded from there alone."
  }
}

run "downloads_k3s_from_a_mirror" {
  command = plan

  variables {
    design = "k3s"
    k3s    = { version = "v1.34.4+k3s1", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", url = "https://mirror.example.com/k3s" }
  }

  assert {
    condition     = strcontains(output.user_data, "0123456789abcdef https://mirror.example.com/k3s /usr/local/bin/k3s\n") && !strcontains(output.user_data, "github.com")
    error_message = "It is not downloaded from there alone."
  }
}

run "has_the_host_key_of_the_first_connection" {
  command = plan

  variables {
    design        = "k3s"
    k3s           = { version = "v1.34.4+k3s1", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
    boot_host_key = { private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n", public = "ssh-ed25519 AAAA boot" }
  }

  assert {
    condition     = strcontains(output.user_data, "\n    b3BlbnNzaA==\n") && strcontains(output.user_data, "ed25519_public: ssh-ed25519 AAAA boot\n")
    error_message = "The key is not in it."
  }
}

run "has_plain_routes_instead_of_calico" {
  command = plan

  variables {
    design             = "kubeadm"
    kubernetes_version = "1.34.4"
    network            = "routes"
  }

  assert {
    condition     = strcontains(output.user_data, "/etc/dogitops/manifests/routes.yaml") && strcontains(output.user_data, "NETWORK=\"routes\"") && !strcontains(output.user_data, "calico-vxlan")
    error_message = "It is not the network that was asked for."
  }
}

run "example" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "refuses_an_unknown_design" {
  command = plan

  variables {
    design = "swarm"
    k3s    = { version = "v1.34.4+k3s1", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
  }

  expect_failures = [var.design]
}

run "refuses_k3s_without_a_version" {
  command = plan

  variables {
    design = "k3s"
  }

  expect_failures = [var.k3s]
}

run "refuses_a_version_that_is_no_release_of_k3s" {
  command = plan

  variables {
    design = "k3s"
    k3s    = { version = "v1.34.4", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
  }

  expect_failures = [var.k3s]
}

run "refuses_a_short_checksum" {
  command = plan

  variables {
    design = "k3s"
    k3s    = { version = "v1.34.4+k3s1", sha256 = "abc" }
  }

  expect_failures = [var.k3s]
}

run "refuses_a_checksum_that_only_holds_a_place" {
  command = plan

  variables {
    design = "k3s"
    k3s    = { version = "v1.34.4+k3s1", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
  }

  expect_failures = [var.k3s]
}

run "refuses_k3s_from_a_file" {
  command = plan

  variables {
    design = "k3s"
    k3s    = { version = "v1.34.4+k3s1", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", url = "/root/k3s" }
  }

  expect_failures = [var.k3s]
}

run "refuses_a_kubernetes_whose_checksums_are_not_known" {
  command = plan

  variables {
    design             = "kubeadm"
    kubernetes_version = "1.34.99"
  }

  expect_failures = [var.kubernetes_version]
}

run "refuses_a_download_without_a_checksum" {
  command = plan

  variables {
    design    = "kubeadm"
    artifacts = [{ url = "http://10.0.0.9/kubeadm", sha256 = "", path = "/usr/local/bin/kubeadm" }]
  }

  expect_failures = [var.artifacts]
}

run "refuses_a_manifest_from_a_file" {
  command = plan

  variables {
    design             = "kubeadm"
    kubernetes_version = "1.34.4"
    manifests          = [{ url = "network.yaml", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }]
  }

  expect_failures = [var.manifests]
}

run "refuses_a_bucket_by_its_name" {
  command = plan

  variables {
    design             = "kubeadm"
    kubernetes_version = "1.34.4"
    snapshots          = { bucket_url = "dogitops-test" }
  }

  expect_failures = [var.snapshots]
}

run "refuses_a_schedule_that_is_none" {
  command = plan

  variables {
    design             = "kubeadm"
    kubernetes_version = "1.34.4"
    snapshots          = { bucket_url = "https://fra1.digitaloceanspaces.com/dogitops-test", schedule = "often; rm" }
  }

  expect_failures = [var.snapshots]
}

run "refuses_to_keep_one_snapshot_alone" {
  command = plan

  variables {
    design             = "kubeadm"
    kubernetes_version = "1.34.4"
    snapshots          = { bucket_url = "https://fra1.digitaloceanspaces.com/dogitops-test", keep = 1 }
  }

  expect_failures = [var.snapshots]
}

run "refuses_a_network_that_is_none_of_them" {
  command = plan

  variables {
    design             = "kubeadm"
    kubernetes_version = "1.34.4"
    network            = "weave"
  }

  expect_failures = [var.network]
}

run "refuses_calico_where_its_makers_did_not_test_it" {
  command = plan

  variables {
    design             = "kubeadm"
    kubernetes_version = "1.33.1"
    artifacts          = [{ url = "http://10.0.0.9/kubeadm", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", path = "/usr/local/bin/kubeadm" }]
  }

  expect_failures = [var.network]
}

run "refuses_an_issuer_without_tls" {
  command = plan

  variables {
    design             = "kubeadm"
    kubernetes_version = "1.34.4"
    oidc               = { issuer_url = "http://accounts.example.com", client_id = "dogitops" }
  }

  expect_failures = [var.oidc]
}

run "refuses_a_boot_key_that_is_none" {
  command = plan

  variables {
    design        = "k3s"
    k3s           = { version = "v1.34.4+k3s1", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
    boot_host_key = { private = "secret", public = "ssh-ed25519 AAAA" }
  }

  expect_failures = [var.boot_host_key]
}
