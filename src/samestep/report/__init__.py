"""Views of a saved result. A view never measures."""
