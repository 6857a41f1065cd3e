"""What can be watched: counters of this process, figures of the whole network, rules, dashboards."""
