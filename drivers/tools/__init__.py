"""What an installer does at a bank: find boards, watch the wire, walk the doors."""
