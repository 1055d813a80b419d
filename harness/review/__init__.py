"""Decision records: what a run says of one model, written as a page of Markdown that can be verified word for word.

`record` holds the nouns, `file` a review as it lies on the disk and `evidence` the rows beside it. `runs` reads the
runs that are cited and `figures` takes numbered figures from them. `tables`, `triggers`, `change` and `page` make the
page; `new` writes it, `check` derives it again and wakes people, with `watch` for the triggers.
"""
