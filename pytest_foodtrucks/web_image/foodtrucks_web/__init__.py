"""The FoodTrucks app: a street-food finder for the city of Port Amberlin, which doesn't exist."""
