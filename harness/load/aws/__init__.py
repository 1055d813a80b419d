"""What senders to AWS share: settings, credentials, signatures. botocore is imported only where one of them sends."""
