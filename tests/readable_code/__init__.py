"""Networks of the zoo as one would write them by hand, to which the length of generated code is compared."""
