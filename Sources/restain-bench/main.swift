print("restain-bench")
