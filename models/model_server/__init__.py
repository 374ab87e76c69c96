"""TF Serving's wire protocol over TensorFlow in Python, for laptops, arm64 and tests; clusters run TF Serving itself."""
