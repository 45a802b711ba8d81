"""The pages in a browser: what they draw, how they answer, and whom they leave out."""
