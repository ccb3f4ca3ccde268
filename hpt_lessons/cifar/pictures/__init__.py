"""Where the pictures come from: CIFAR-10, a folder of your own, or generated ones; kept as arrays on the disk."""
