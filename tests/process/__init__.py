"""One process of the server, or the generator, with real segments and sockets; no whole server."""
