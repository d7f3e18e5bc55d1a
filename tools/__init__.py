"""What developers make the FoodTrucks app's data with: its city, trucks and map. Not shipped."""
