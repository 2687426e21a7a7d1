"""The desk: reports of recipients, the cases they make, and what is done about them."""
