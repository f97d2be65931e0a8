"""What training code and its configs call, without a command line."""
