"""What leaves the grid for people: mail by SMTP, webhooks by HTTP. Knows letters, not why they are written."""
