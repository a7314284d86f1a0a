"""Root keys, which wrap the data keys: a file, the environment, AWS KMS or Vault transit."""
