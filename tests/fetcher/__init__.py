"""The fetcher over real sockets, against sites that mean no good."""
