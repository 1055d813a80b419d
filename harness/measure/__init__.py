"""The only half that deploys: packages, walks the plan, sends, watches, records, removes."""
