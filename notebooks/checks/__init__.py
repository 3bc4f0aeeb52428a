"""What judges the answers to the exercises, a file for each notebook: every solution is computed by the engine."""
