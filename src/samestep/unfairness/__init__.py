"""What each unfairness of the 2019 study does to a verdict: one side favoured, then the other."""
