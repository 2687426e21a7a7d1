"""A small Internet in network namespaces, where real mail programs meet the gate."""
