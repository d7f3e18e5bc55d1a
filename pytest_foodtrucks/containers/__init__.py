"""One container, one image: what they are to be, and how they are made."""
