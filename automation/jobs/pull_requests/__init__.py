"""What pull requests and their merge do."""
