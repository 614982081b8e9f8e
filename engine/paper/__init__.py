"""Our own agents and orders, trading on paper beside a real market."""
