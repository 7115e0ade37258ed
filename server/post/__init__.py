"""Letters to people outside: mail by SMTP and webhooks by HTTP. Knows no domain and keeps nothing."""
