terraform {
  required_version = ">= 1.10.0"

  # The endpoint and the keys come from the environment (AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, …).
  backend "s3" {
    bucket                      = "dogitops-workbench-state"
    key                         = "environment.tfstate"
    region                      = "us-east-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
    skip_s3_checksum            = true
  }
}
