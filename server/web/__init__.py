"""Pages for people and the volunteers' API. The only room that knows Flask; has no TensorFlow and no h5py."""
