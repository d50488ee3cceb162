"""The layers, one file each: the formula, the function, its backward and the layer class."""
