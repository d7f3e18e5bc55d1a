"""The build context of the FoodTrucks image; the app itself is in `foodtrucks_web`."""
