"""Who finds and reaches whom: the assertions and the matrix."""
