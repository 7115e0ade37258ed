"""What the grid does, one file a verb. Receives stores, learner and intake; knows no HTTP, no TensorFlow, no clock."""
