def record_layers(r):
    pass
