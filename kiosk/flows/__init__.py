"""What people do at the machine, each flow written as the story it is."""
