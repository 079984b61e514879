"""Work over many items: processes of which any may die."""
