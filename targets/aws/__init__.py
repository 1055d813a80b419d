"""AWS through boto3: functions, services and endpoints that are made for a run, counted, and proved gone after it."""
