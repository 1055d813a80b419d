"""From what was seen of a trial to its rows: replies, the deployment's log and the platform's word, judged."""
