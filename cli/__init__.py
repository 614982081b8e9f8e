"""The composition root: the only package that brings screen, engine and store together."""
