def record_sequences(r):
    pass
