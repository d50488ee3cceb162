"""One file a layer: the formula, the function, its backward, the class."""
