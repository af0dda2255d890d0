print("restain")
