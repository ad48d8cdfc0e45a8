"""Control: what a running server can be asked, over HTTP and a unix socket."""
