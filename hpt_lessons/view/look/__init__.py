"""What all widgets and plots share: the palette, the page, SVG, numbers along an axis, typed text."""
