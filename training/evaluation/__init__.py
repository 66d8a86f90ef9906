"""How good anything is that doubles pictures: beside bicubic and Lanczos, and what it costs."""
