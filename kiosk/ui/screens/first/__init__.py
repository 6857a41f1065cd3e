"""The first screen: what anyone sees who walks up."""
