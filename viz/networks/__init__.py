"""Models as pictures: networks, and how they change in training."""
