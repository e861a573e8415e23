"""Growth of density over time: trend models, their draws, and what follows from them."""
