mod prune_history;
