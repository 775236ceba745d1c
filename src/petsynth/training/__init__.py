"""The training steps and the loop around them."""
