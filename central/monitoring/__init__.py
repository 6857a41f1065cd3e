"""What can be watched: counters of a process, figures of the network, rules, dashboards."""
