"""Made-up data whose truth is known, for the benches and the tests of the engines."""
