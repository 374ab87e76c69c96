"""Users' data: finding it, checking every row, and the one prepared form that everything else reads."""
