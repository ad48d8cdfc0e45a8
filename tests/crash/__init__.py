"""The server under the knife: real processes killed under load, against a ledger of every ACK."""
