"""What does the package gain? Each module here measures one claim; `python -m benchmarks` runs them all."""
